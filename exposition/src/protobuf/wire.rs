//! The wire format of protobuf: a message is fields, read where they lie.

/// Bytes that are no message, in the words of Prometheus' decoder.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum WireError {
    /// The message ends within a field.
    #[error("unexpected EOF")]
    End,
    /// A number of more than 64 bits.
    #[error("proto: integer overflow")]
    Overflow,
    /// A field of another type than its message's.
    #[error("proto: wrong wireType = {wire_type} for field {field}")]
    WrongType {
        /// What it came as.
        wire_type: u8,
        /// What it is.
        field: &'static str,
    },
    /// A type that no field has.
    #[error("proto: illegal wireType {0}")]
    IllegalType(u8),
    /// A number that no field has.
    #[error("proto: illegal tag {0}")]
    IllegalTag(u64),
    /// The length of a page's next message cannot be read.
    #[error("clientpb: invalid varint encountered")]
    Length,
    /// The page ends within a message.
    #[error(
        "clientpb: insufficient length of buffer, expected at least {expected} bytes, got {got} bytes"
    )]
    Short {
        /// How long the rest of the page had to be.
        expected: u64,
        /// How long it is.
        got: usize,
    },
    /// A label's name is none.
    #[error("invalid label name: {0}")]
    LabelName(String),
    /// A label's value is not UTF-8.
    #[error("invalid label value: {0}")]
    LabelValue(String),
}

/// The number that `bytes` begin with, which it leaves behind.
pub(super) fn varint(bytes: &mut &[u8]) -> Result<u64, WireError> {
    let mut number = 0_u64;
    for i in 0..10 {
        let (byte, rest) = bytes.split_first().ok_or(WireError::End)?;
        *bytes = rest;
        number |= u64::from(byte & 0x7f) << (7 * i);
        if byte & 0x80 == 0 {
            return Ok(number);
        }
    }
    Err(WireError::Overflow)
}

/// The number behind the zigzag of `sint32` and `sint64`.
pub(super) const fn signed(number: u64) -> i64 {
    (number >> 1) as i64 ^ -((number & 1) as i64)
}

/// What a field holds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Value<'a> {
    Varint(u64),
    /// Eight bytes: in this format always a double.
    Double(f64),
    /// A text, a message or several numbers.
    Bytes(&'a [u8]),
    /// Four bytes, or a group: nothing here is that.
    Other(u8),
}

impl<'a> Value<'a> {
    const fn wire_type(self) -> u8 {
        match self {
            Self::Varint(_) => 0,
            Self::Double(_) => 1,
            Self::Bytes(_) => 2,
            Self::Other(wire_type) => wire_type,
        }
    }

    const fn wrong(self, field: &'static str) -> WireError {
        let wire_type = self.wire_type();
        WireError::WrongType { wire_type, field }
    }

    pub(super) const fn number(self, field: &'static str) -> Result<u64, WireError> {
        match self {
            Self::Varint(number) => Ok(number),
            other => Err(other.wrong(field)),
        }
    }

    pub(super) const fn double(self, field: &'static str) -> Result<f64, WireError> {
        match self {
            Self::Double(number) => Ok(number),
            other => Err(other.wrong(field)),
        }
    }

    pub(super) const fn bytes(self, field: &'static str) -> Result<&'a [u8], WireError> {
        match self {
            Self::Bytes(bytes) => Ok(bytes),
            other => Err(other.wrong(field)),
        }
    }

    /// Appends one number, or all of a packed list.
    pub(super) fn signed_into(
        self,
        dst: &mut Vec<i64>,
        field: &'static str,
    ) -> Result<(), WireError> {
        match self {
            Self::Varint(number) => dst.push(signed(number)),
            Self::Bytes(mut bytes) => {
                while !bytes.is_empty() {
                    dst.push(signed(varint(&mut bytes)?));
                }
            }
            other => return Err(other.wrong(field)),
        }
        Ok(())
    }

    /// Appends one number, or all of a packed list.
    pub(super) fn doubles_into(
        self,
        dst: &mut Vec<f64>,
        field: &'static str,
    ) -> Result<(), WireError> {
        match self {
            Self::Double(number) => dst.push(number),
            Self::Bytes(bytes) => {
                let (numbers, rest) = bytes.as_chunks::<8>();
                if !rest.is_empty() {
                    return Err(WireError::End);
                }
                dst.extend(numbers.iter().map(|bytes| f64::from_le_bytes(*bytes)));
            }
            other => return Err(other.wrong(field)),
        }
        Ok(())
    }
}

/// The fields of a message in their order, by number.
#[derive(Clone, Debug)]
pub(super) struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    pub(super) const fn of(message: &'a [u8]) -> Self {
        Self(message)
    }

    fn take(&mut self, length: u64) -> Result<&'a [u8], WireError> {
        let length = usize::try_from(length).map_err(|_| WireError::End)?;
        let (taken, rest) = self.0.split_at_checked(length).ok_or(WireError::End)?;
        self.0 = rest;
        Ok(taken)
    }

    fn field(&mut self) -> Result<(u64, Value<'a>), WireError> {
        let tag = varint(&mut self.0)?;
        let (number, wire_type) = (tag >> 3, (tag & 7) as u8);
        if number == 0 || number >= 1 << 29 {
            return Err(WireError::IllegalTag(number));
        }
        let value = match wire_type {
            0 => Value::Varint(varint(&mut self.0)?),
            1 => {
                let bytes = self.take(8)?;
                let bytes = bytes.first_chunk().ok_or(WireError::End)?;
                Value::Double(f64::from_le_bytes(*bytes))
            }
            2 => {
                let length = varint(&mut self.0)?;
                Value::Bytes(self.take(length)?)
            }
            3 => {
                self.skip_group()?;
                Value::Other(wire_type)
            }
            5 => {
                self.take(4)?;
                Value::Other(wire_type)
            }
            other => return Err(WireError::IllegalType(other)),
        };
        Ok((number, value))
    }

    /// Goes behind the end of a group, with those within it.
    fn skip_group(&mut self) -> Result<(), WireError> {
        let mut depth = 1_usize;
        while depth > 0 {
            match (varint(&mut self.0)? & 7) as u8 {
                0 => drop(varint(&mut self.0)?),
                1 => drop(self.take(8)?),
                2 => {
                    let length = varint(&mut self.0)?;
                    self.take(length)?;
                }
                3 => depth += 1,
                4 => depth -= 1,
                5 => drop(self.take(4)?),
                other => return Err(WireError::IllegalType(other)),
            }
        }
        Ok(())
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<(u64, Value<'a>), WireError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let field = self.field();
        if field.is_err() {
            self.0 = &[];
        }
        Some(field)
    }
}

/// The next of the messages that `page` consists of, each behind its length.
pub(super) fn delimited<'a>(page: &mut &'a [u8]) -> Result<&'a [u8], WireError> {
    let mut rest = *page;
    let length = varint(&mut rest).map_err(|_| WireError::Length)?;
    let n_length = page.len() - rest.len();
    // More than five bytes are no length.
    if n_length > 5 {
        return Err(WireError::Length);
    }
    let within = usize::try_from(length).ok();
    let parts = within.and_then(|length| rest.split_at_checked(length));
    let (message, rest) = parts.ok_or(WireError::Short {
        expected: n_length as u64 + length,
        got: page.len(),
    })?;
    *page = rest;
    Ok(message)
}
