//! The devices: a child process that dials as many connections as it is told to and keeps them.

use std::io::{BufRead, Write};
use std::net::SocketAddr;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use gateway_engine::{
    App, ConnId, Dial, DialRequest, EventLoop, Failure, Limits, LoopConfig, Message, Net,
};

/// Tells this program to be the fleet.
pub(crate) const ARGUMENT: &str = "--be-the-fleet";

/// Dials under way at a time.
const AT_A_TIME: usize = 128;

pub(crate) struct FleetProcess {
    child: Child,
    orders: ChildStdin,
}

impl FleetProcess {
    pub(crate) fn start(address: SocketAddr) -> Self {
        let program = std::env::current_exe().expect("a program");
        let mut child = Command::new(program)
            .args([ARGUMENT, &address.to_string()])
            .stdin(Stdio::piped())
            .spawn()
            .expect("a child process");
        let orders = child.stdin.take().expect("a pipe");
        Self { child, orders }
    }

    pub(crate) fn grow_to(&mut self, connections: usize) {
        writeln!(self.orders, "{connections}").expect("a fleet that listens");
    }
}

impl Drop for FleetProcess {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Dials until as many connections are open as the last line of standard input says, and ends with it.
pub(crate) fn run(server: SocketAddr) {
    let limits = Limits {
        handshake_timeout: Duration::from_secs(60),
        ..Limits::default()
    };
    let config = LoopConfig {
        limits,
        keepalive: None,
        ..LoopConfig::default()
    };
    let request = DialRequest {
        host: "bench".to_owned(),
        path: "/".to_owned(),
        ..DialRequest::default()
    };
    let fleet = Fleet {
        server,
        request: Arc::new(request),
        wanted: 0,
        dialled: 0,
        under_way: 0,
    };
    let (event_loop, mailbox) = EventLoop::new(config, fleet).expect("a loop");
    let thread = std::thread::spawn(move || event_loop.run().map(drop));
    for line in std::io::stdin().lock().lines() {
        let wanted = line
            .ok()
            .and_then(|line| line.parse().ok())
            .expect("a number");
        assert!(mailbox.send(wanted).is_ok(), "the loop has ended");
    }
    mailbox.stop();
    thread
        .join()
        .expect("a loop that ends")
        .expect("a loop that ran");
}

struct Fleet {
    server: SocketAddr,
    request: Arc<DialRequest>,
    wanted: usize,
    dialled: usize,
    under_way: usize,
}

impl Fleet {
    fn dial(&mut self, net: &mut Net<()>) {
        while self.dialled < self.wanted && self.under_way < AT_A_TIME {
            let dial = Dial {
                remote: self.server,
                local: None,
                late_port: false,
                preface: Bytes::new(),
                request: Arc::clone(&self.request),
            };
            net.connect(dial, ()).expect("a port and a descriptor");
            self.dialled += 1;
            self.under_way += 1;
        }
    }
}

impl App for Fleet {
    type Command = usize;
    type Session = ();

    fn on_command(&mut self, net: &mut Net<()>, wanted: usize) {
        self.wanted = wanted;
        self.dial(net);
    }

    fn on_open(&mut self, net: &mut Net<()>, _: ConnId) {
        self.under_way -= 1;
        self.dial(net);
    }

    fn on_message(&mut self, _: &mut Net<()>, _: ConnId, _: Message<'_>) {}

    fn on_failed(&mut self, _: &mut Net<()>, _: ConnId, failure: &Failure) {
        eprintln!("a device failed: {failure:?}");
    }
}
