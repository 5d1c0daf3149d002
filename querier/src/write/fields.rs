//! Protobuf's wire format, borrowed: the fields of one message, one after the other.
//!
//! Source: the messages are those of the Go code that Prometheus' decoder is generated as.

/// The bytes are no such message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum FieldError {
    /// They end within a field.
    #[error("unexpected EOF")]
    Truncated,
    /// A number has more bits than there are.
    #[error("proto: integer overflow")]
    Overflow,
    /// A field's number is none.
    #[error("proto: illegal tag {0}")]
    Tag(u64),
    /// There is no such way to write a value.
    #[error("proto: illegal wireType {0}")]
    WireType(u64),
    /// The field's value is written as another type's.
    #[error("proto: wrong wireType for field {0}")]
    Mismatch(&'static str),
}

/// A value as it is written.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Value<'a> {
    Varint(u64),
    Fixed64(u64),
    Bytes(&'a [u8]),
    Fixed32(u32),
}

impl<'a> Value<'a> {
    /// Text, bytes or a message.
    pub(crate) fn bytes(self, field: &'static str) -> Result<&'a [u8], FieldError> {
        match self {
            Self::Bytes(bytes) => Ok(bytes),
            _ => Err(FieldError::Mismatch(field)),
        }
    }

    /// A whole number.
    pub(crate) fn varint(self, field: &'static str) -> Result<u64, FieldError> {
        match self {
            Self::Varint(number) => Ok(number),
            _ => Err(FieldError::Mismatch(field)),
        }
    }

    /// A float.
    pub(crate) fn double(self, field: &'static str) -> Result<f64, FieldError> {
        match self {
            Self::Fixed64(bits) => Ok(f64::from_bits(bits)),
            _ => Err(FieldError::Mismatch(field)),
        }
    }
}

/// The fields of a message, in their order.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    pub(crate) const fn new(message: &'a [u8]) -> Self {
        Self { rest: message }
    }

    /// The next field's number and value; none at the end.
    pub(crate) fn next(&mut self) -> Result<Option<(u64, Value<'a>)>, FieldError> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let tag = self.varint()?;
        let number = tag >> 3;
        if number == 0 || number > 0x1fff_ffff {
            return Err(FieldError::Tag(number));
        }
        let value = match tag & 7 {
            0 => Value::Varint(self.varint()?),
            1 => Value::Fixed64(u64::from_le_bytes(self.array()?)),
            2 => {
                let length = self.varint()?;
                let length = usize::try_from(length).map_err(|_| FieldError::Truncated)?;
                Value::Bytes(self.take(length)?)
            }
            5 => Value::Fixed32(u32::from_le_bytes(self.array()?)),
            other => return Err(FieldError::WireType(other)),
        };
        Ok(Some((number, value)))
    }

    /// The next of whole numbers that stand packed in place of fields; none at the end.
    pub(crate) fn packed_varint(&mut self) -> Result<Option<u64>, FieldError> {
        match self.rest.is_empty() {
            true => Ok(None),
            false => self.varint().map(Some),
        }
    }

    fn varint(&mut self) -> Result<u64, FieldError> {
        let mut number = 0_u64;
        for (i, byte) in self.rest.iter().enumerate().take(10) {
            if i == 9 && *byte > 1 {
                return Err(FieldError::Overflow);
            }
            number |= u64::from(byte & 0x7f) << (7 * i);
            if byte & 0x80 == 0 {
                self.rest = &self.rest[i + 1..];
                return Ok(number);
            }
        }
        Err(match self.rest.len() {
            ..10 => FieldError::Truncated,
            _ => FieldError::Overflow,
        })
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], FieldError> {
        let (taken, rest) = self
            .rest
            .split_at_checked(length)
            .ok_or(FieldError::Truncated)?;
        self.rest = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], FieldError> {
        let bytes = self.take(N)?;
        Ok(bytes.try_into().expect("as many bytes were taken"))
    }
}
