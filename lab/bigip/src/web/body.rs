//! Where the body of an HTTP message ends (RFC 9112, section 6).

use super::head::Head;

/// Digits of a chunk's length.
const MOST_DIGITS: u32 = 15;

/// What is still to come of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Body {
    /// So many bytes.
    Length(u64),
    /// Chunks.
    Chunked(Chunk),
    /// Everything until the connection ends.
    UntilClose,
}

/// Where in a chunked body one is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Chunk {
    /// In the length of a chunk.
    Length { so_far: u64, digits: u32 },
    /// Behind it, in an extension.
    Extension { length: u64 },
    /// In a chunk's bytes and the line end after them.
    Bytes(u64),
    /// In a line after the last chunk; how much it has of anything but line ends.
    Trailer { letters: u64 },
    /// Behind it all.
    Over,
}

/// A body whose end cannot be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BodyError {
    /// `Content-Length` is no number.
    #[error("Content-Length is no number")]
    Length,
    /// The length of a chunk is no number.
    #[error("the length of a chunk is no number")]
    Chunk,
}

impl Body {
    /// The body of a request.
    pub(crate) fn of_request(head: &Head) -> Result<Self, BodyError> {
        Ok(Self::announced(head)?.unwrap_or(Self::Length(0)))
    }

    /// The body of the response to a request with this method.
    pub(crate) fn of_response(head: &Head, method: &[u8]) -> Result<Self, BodyError> {
        let status = head.message.status;
        if method == b"HEAD" || status < 200 || matches!(status, 204 | 304) {
            return Ok(Self::Length(0));
        }
        Ok(Self::announced(head)?.unwrap_or(Self::UntilClose))
    }

    fn announced(head: &Head) -> Result<Option<Self>, BodyError> {
        if head.lists("Transfer-Encoding", "chunked") {
            return Ok(Some(Self::Chunked(Chunk::FIRST)));
        }
        let Some(length) = head.field("Content-Length") else {
            return Ok(None);
        };
        let number = std::str::from_utf8(length)
            .ok()
            .and_then(|text| text.parse().ok());
        Ok(Some(Self::Length(number.ok_or(BodyError::Length)?)))
    }

    /// How many of these bytes belong to the body.
    pub(crate) fn take(&mut self, bytes: &[u8]) -> Result<usize, BodyError> {
        match self {
            Self::UntilClose => Ok(bytes.len()),
            Self::Length(left) => {
                let taken = bytes
                    .len()
                    .min(usize::try_from(*left).unwrap_or(usize::MAX));
                *left -= taken as u64;
                Ok(taken)
            }
            Self::Chunked(chunk) => {
                for (index, byte) in bytes.iter().enumerate() {
                    if *chunk == Chunk::Over {
                        return Ok(index);
                    }
                    *chunk = chunk.after(*byte)?;
                }
                Ok(bytes.len())
            }
        }
    }

    /// Whether nothing more belongs to it.
    pub(crate) fn is_over(&self) -> bool {
        matches!(self, Self::Length(0) | Self::Chunked(Chunk::Over))
    }
}

impl Chunk {
    const FIRST: Self = Self::Length {
        so_far: 0,
        digits: 0,
    };

    fn after(self, byte: u8) -> Result<Self, BodyError> {
        Ok(match (self, byte) {
            (Self::Length { digits: 0, .. }, b'\n' | b'\r' | b';') => return Err(BodyError::Chunk),
            (Self::Length { so_far, .. }, b'\n') => Self::begun(so_far),
            (Self::Length { so_far, .. }, b'\r' | b';' | b' ') => {
                Self::Extension { length: so_far }
            }
            (Self::Length { so_far, digits }, byte) => {
                let digit = char::from(byte).to_digit(16).ok_or(BodyError::Chunk)?;
                if digits == MOST_DIGITS {
                    return Err(BodyError::Chunk);
                }
                Self::Length {
                    so_far: so_far * 16 + u64::from(digit),
                    digits: digits + 1,
                }
            }
            (Self::Extension { length }, b'\n') => Self::begun(length),
            (Self::Bytes(0), b'\n') => Self::FIRST,
            (Self::Bytes(0) | Self::Extension { .. }, _) => self,
            (Self::Bytes(left), _) => Self::Bytes(left - 1),
            (Self::Trailer { letters: 0 }, b'\n') => Self::Over,
            (Self::Trailer { .. }, b'\n') => Self::Trailer { letters: 0 },
            (Self::Trailer { .. }, b'\r') => self,
            (Self::Trailer { letters }, _) => Self::Trailer {
                letters: letters + 1,
            },
            (Self::Over, _) => Self::Over,
        })
    }

    /// The length is known; the last chunk has none.
    fn begun(length: u64) -> Self {
        match length {
            0 => Self::Trailer { letters: 0 },
            length => Self::Bytes(length),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_ends_where_its_head_says() {
        let cases: [(&str, &[u8], usize); 4] = [
            ("Content-Length: 3", b"abcGET /", 3),
            ("Host: nobody", b"GET /", 0),
            (
                "Transfer-Encoding: chunked",
                b"3\r\nabc\r\n0\r\n\r\nGET /",
                13,
            ),
            (
                "Transfer-Encoding: chunked",
                b"a;x=y\r\n0123456789\r\n0\r\nT: 1\r\n\r\nG",
                30,
            ),
        ];
        for (field, bytes, length) in cases {
            let text = format!("POST / HTTP/1.1\r\n{field}\r\n\r\n");
            let (head, _) = Head::request(text.as_bytes()).unwrap().unwrap();
            let mut body = Body::of_request(&head).unwrap();

            let mut taken = 0;
            for byte in bytes {
                taken += body.take(&[*byte]).unwrap();
            }

            assert_eq!((taken, body.is_over()), (length, true), "{field}");
        }
    }

    #[test]
    fn a_response_without_a_length_lasts_until_the_end_and_one_to_head_has_none() {
        let (head, _) = Head::response(b"HTTP/1.1 200 OK\r\n\r\n").unwrap().unwrap();

        assert_eq!(Body::of_response(&head, b"GET"), Ok(Body::UntilClose));
        assert_eq!(Body::of_response(&head, b"HEAD"), Ok(Body::Length(0)));
    }

    #[test]
    fn a_length_that_is_none_is_an_error() {
        let (head, _) = Head::request(b"GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n")
            .unwrap()
            .unwrap();
        let mut chunked = Body::Chunked(Chunk::FIRST);

        assert_eq!(Body::of_request(&head), Err(BodyError::Length));
        assert_eq!(chunked.take(b"xyz"), Err(BodyError::Chunk));
    }
}
