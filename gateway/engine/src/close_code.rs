//! Close frames: their body and which codes may stand in it (RFC 6455 sections 5.5.1 and 7.4).

use crate::frame::{FrameError, FrameHeader, MAX_CONTROL, Opcode};

/// Code and reason of a Close frame from the peer; `None` if it has no body.
pub(crate) fn parse_body(body: &[u8]) -> Result<Option<(u16, String)>, FrameError> {
    let Some((code, reason)) = body.split_first_chunk::<2>() else {
        return if body.is_empty() {
            Ok(None)
        } else {
            Err(FrameError::BadCloseBody)
        };
    };
    let code = u16::from_be_bytes(*code);
    if !may_be_sent(code) {
        return Err(FrameError::BadCloseCode(code));
    }
    let reason = std::str::from_utf8(reason).map_err(|_| FrameError::BadCloseBody)?;
    Ok(Some((code, reason.to_owned())))
}

/// A Close frame for a peer. The reason is cut to what a control frame has room for.
pub(crate) fn frame(code: Option<u16>, reason: &str, mask: Option<[u8; 4]>) -> Vec<u8> {
    let mut body = Vec::new();
    if let Some(code) = code {
        body.extend_from_slice(&code.to_be_bytes());
        let end = reason.floor_char_boundary(MAX_CONTROL - 2);
        body.extend_from_slice(&reason.as_bytes()[..end]);
    }
    let header = FrameHeader {
        mask,
        ..FrameHeader::whole(Opcode::Close, body.len())
    };
    if let Some(mask) = mask {
        crate::mask::apply(&mut body, mask, 0);
    }
    [header.encode().as_slice(), &body].concat()
}

/// Codes registered for use on the wire, and those left to libraries and applications.
pub(crate) fn may_be_sent(code: u16) -> bool {
    matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_that_only_describe_a_failure_are_never_sent() {
        let forbidden = [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535];
        for code in forbidden {
            assert_eq!(
                parse_body(&code.to_be_bytes_vec()),
                Err(FrameError::BadCloseCode(code))
            );
        }
        for code in [1000, 1001, 1003, 1007, 1011, 1012, 1013, 1014, 3000, 4999] {
            assert_eq!(
                parse_body(&code.to_be_bytes_vec()),
                Ok(Some((code, String::new())))
            );
        }
    }

    #[test]
    fn a_reason_is_cut_between_characters() {
        let long = "é".repeat(100);

        let bytes = frame(Some(1000), &long, None);

        // 123 bytes have room for 61 characters of two bytes.
        assert_eq!(bytes.len(), 2 + 2 + 122);
        assert_eq!(parse_body(&bytes[2..]), Ok(Some((1000, "é".repeat(61)))));
    }

    trait BigEndian {
        fn to_be_bytes_vec(self) -> Vec<u8>;
    }

    impl BigEndian for u16 {
        fn to_be_bytes_vec(self) -> Vec<u8> {
            self.to_be_bytes().to_vec()
        }
    }
}
