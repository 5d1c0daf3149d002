//! The body of an answer, decoded as it arrives and bounded in its decoded size.
use std::io::{self, Write};

use flate2::write::MultiGzDecoder;

/// Why a body was not taken.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// It reached the limit.
    #[error("body size limit exceeded")]
    TooLarge,
    /// It does not begin as gzip does.
    #[error("gzip: invalid header")]
    GzipHeader,
    /// It ends in the middle.
    #[error("unexpected EOF")]
    Truncated,
    /// It is broken gzip in another way.
    #[error("gzip: {0}")]
    Gzip(io::Error),
}

/// A body under way: encoded bytes in, decoded bytes out.
pub(crate) enum Body {
    Identity(Bounded),
    Gzip(Box<MultiGzDecoder<Bounded>>),
}

impl Body {
    /// An empty body, encoded as the header says; it goes into `buffer` and has fewer than `limit` bytes.
    pub(crate) fn new(content_encoding: Option<&[u8]>, mut buffer: Vec<u8>, limit: u64) -> Self {
        buffer.clear();
        let sink = Bounded {
            bytes: buffer,
            limit: usize::try_from(limit).unwrap_or(usize::MAX),
        };
        match content_encoding {
            Some(b"gzip") => Self::Gzip(Box::new(MultiGzDecoder::new(sink))),
            _ => Self::Identity(sink),
        }
    }

    /// Takes the next bytes from the wire.
    pub(crate) fn push(&mut self, chunk: &[u8]) -> Result<(), BodyError> {
        let written = match self {
            Self::Identity(sink) => sink.write_all(chunk),
            Self::Gzip(decoder) => decoder.write_all(chunk),
        };
        written.map_err(body_error)
    }

    /// The decoded bytes, after the last from the wire.
    pub(crate) fn finish(self) -> Result<Vec<u8>, BodyError> {
        match self {
            Self::Identity(sink) => Ok(sink.bytes),
            Self::Gzip(decoder) => match decoder.finish() {
                Ok(sink) => Ok(sink.bytes),
                // Nothing more comes, so what does not add up is cut short.
                Err(error) if error.kind() == io::ErrorKind::InvalidInput => {
                    Err(BodyError::Truncated)
                }
                Err(error) => Err(body_error(error)),
            },
        }
    }
}

fn body_error(error: io::Error) -> BodyError {
    match error.kind() {
        io::ErrorKind::FileTooLarge => BodyError::TooLarge,
        io::ErrorKind::UnexpectedEof => BodyError::Truncated,
        io::ErrorKind::InvalidInput if error.to_string().contains("header") => {
            BodyError::GzipHeader
        }
        _ => BodyError::Gzip(error),
    }
}

/// Bytes that may not reach a limit.
pub(crate) struct Bounded {
    bytes: Vec<u8>,
    limit: usize,
}

impl Write for Bounded {
    fn write(&mut self, chunk: &[u8]) -> io::Result<usize> {
        if self.bytes.len().saturating_add(chunk.len()) >= self.limit {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.bytes.extend_from_slice(chunk);
        Ok(chunk.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn read(encoding: Option<&[u8]>, wire: &[u8], limit: u64) -> Result<Vec<u8>, String> {
        let mut body = Body::new(encoding, b"old".to_vec(), limit);
        for chunk in wire.chunks(7) {
            body.push(chunk).map_err(|e| e.to_string())?;
        }
        body.finish().map_err(|e| e.to_string())
    }

    #[test]
    fn bodies_come_out_as_they_were_sent() {
        let page = b"a 1\nb 2\n".repeat(50);
        assert_eq!(read(None, &page, 1000), Ok(page.clone()));
        assert_eq!(read(Some(b"gzip"), &gzip(&page), 1000), Ok(page.clone()));
        let two = [gzip(b"a 1\n"), gzip(b"b 2\n")].concat();
        assert_eq!(read(Some(b"gzip"), &two, 1000), Ok(b"a 1\nb 2\n".to_vec()));
    }

    #[test]
    fn the_limit_holds_for_decoded_bytes_and_is_itself_too_large() {
        let too_large = Err("body size limit exceeded".to_owned());
        assert_eq!(read(None, &[b'x'; 10], 10), too_large);
        assert!(read(None, &[b'x'; 9], 10).is_ok());
        let bomb = gzip(&[b'x'; 1 << 20]);
        assert!(bomb.len() < 10_000);
        assert_eq!(read(Some(b"gzip"), &bomb, 10_000), too_large);
    }

    #[test]
    fn broken_gzip_is_told_as_go_tells_it() {
        let header = Err("gzip: invalid header".to_owned());
        assert_eq!(read(Some(b"gzip"), b"plain text, no gzip", 1000), header);
        let cut = &gzip(b"a 1\n")[..12];
        let truncated = Err("unexpected EOF".to_owned());
        assert_eq!(read(Some(b"gzip"), cut, 1000), truncated);
    }
}
