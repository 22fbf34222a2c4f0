//! A device down at the bytes: it says what no library would, and sees each frame as it came.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};

use flate2::{Decompress, FlushDecompress};
use serde_json::{Value, json};

use super::PATIENCE;

/// An upgrade without its empty line.
const REQUEST: &str = "GET / HTTP/1.1\r\nHost: g\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

/// See the module.
pub(crate) struct Raw {
    stream: TcpStream,
    /// The head of the answer to the upgrade.
    pub(crate) head: String,
}

/// A frame as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RawFrame {
    /// FIN, RSV1 and the opcode.
    pub(crate) first: u8,
    pub(crate) payload: Vec<u8>,
}

impl Raw {
    /// Asks for the upgrade with further header lines, each ended by CR and LF.
    pub(crate) fn ask(address: SocketAddr, headers: &str) -> Self {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        write!(stream, "{REQUEST}{headers}\r\n").unwrap();
        let (mut head, mut byte) = (Vec::new(), [0]);
        while !head.ends_with(b"\r\n\r\n") {
            stream.read_exact(&mut byte).unwrap();
            head.extend(byte);
        }
        let head = String::from_utf8(head).unwrap();
        Self { stream, head }
    }

    /// Whether the gateway upgraded.
    pub(crate) fn is_open(&self) -> bool {
        self.head.starts_with("HTTP/1.1 101 ")
    }

    /// Sends bytes; the gateway may have closed already.
    pub(crate) fn say(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes);
    }

    /// Subscribes and passes over the answer and the position.
    pub(crate) fn subscribe(&mut self, subject: &str) {
        let request = json!({ "op": "subscribe", "id": 1, "subject": subject });
        self.say(&masked(0x81, request.to_string().as_bytes()));
        assert_eq!(self.frame().json()["op"], "subscribed");
        assert_eq!(self.frame().json()["op"], "position");
    }

    /// The next frame.
    pub(crate) fn frame(&mut self) -> RawFrame {
        let mut start = [0; 2];
        self.stream.read_exact(&mut start).unwrap();
        let length = match start[1] {
            126 => {
                let mut length = [0; 2];
                self.stream.read_exact(&mut length).unwrap();
                usize::from(u16::from_be_bytes(length))
            }
            127 => panic!("a frame of more than 64 KiB"),
            length => usize::from(length),
        };
        let mut payload = vec![0; length];
        self.stream.read_exact(&mut payload).unwrap();
        RawFrame {
            first: start[0],
            payload,
        }
    }

    /// Reads to the gateway's Close frame and answers its code.
    pub(crate) fn close_code(&mut self) -> u16 {
        loop {
            let frame = self.frame();
            if frame.first == 0x88 {
                return u16::from_be_bytes([frame.payload[0], frame.payload[1]]);
            }
        }
    }
}

impl RawFrame {
    pub(crate) fn is_compressed(&self) -> bool {
        self.first & 0x40 != 0
    }

    /// What it says, with a window of 15 bits if it is compressed.
    pub(crate) fn json(&self) -> Value {
        self.json_within(15)
    }

    /// What it says; a compressed one has to be readable with a window of so many bits.
    pub(crate) fn json_within(&self, window_bits: u8) -> Value {
        if !self.is_compressed() {
            return serde_json::from_slice(&self.payload).unwrap();
        }
        let tail: &[u8] = &[0, 0, 0xff, 0xff];
        let deflated = [&self.payload, tail].concat();
        let mut text = Vec::with_capacity(1 << 20);
        Decompress::new_with_window_bits(false, window_bits)
            .decompress_vec(&deflated, &mut text, FlushDecompress::Sync)
            .unwrap();
        serde_json::from_slice(&text).unwrap()
    }
}

/// A frame of a device. A mask of zeros is a mask, and leaves the payload readable here.
pub(crate) fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first];
    match u16::try_from(payload.len()).unwrap() {
        length @ 0..126 => frame.push(0x80 | length as u8),
        length => {
            frame.push(0x80 | 126);
            frame.extend(length.to_be_bytes());
        }
    }
    frame.extend([0; 4]);
    frame.extend(payload);
    frame
}
