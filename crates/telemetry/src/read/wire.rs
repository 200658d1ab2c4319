//! The protobuf wire format, one field at a time (protobuf.dev, Encoding).

/// What the bytes are not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Malformed(pub(super) &'static str);

/// The value of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Raw<'b> {
    Varint(u64),
    Fixed64(u64),
    Fixed32(u32),
    Bytes(&'b [u8]),
}

impl<'b> Raw<'b> {
    pub(super) fn bytes(self) -> Result<&'b [u8], Malformed> {
        match self {
            Raw::Bytes(bytes) => Ok(bytes),
            _ => Err(Malformed("a field has another wire type than its message says")),
        }
    }

    pub(super) fn text(self) -> Result<&'b str, Malformed> {
        std::str::from_utf8(self.bytes()?).map_err(|_| Malformed("a string is not UTF-8"))
    }

    pub(super) fn fixed64(self) -> Result<u64, Malformed> {
        match self {
            Raw::Fixed64(number) => Ok(number),
            _ => Err(Malformed("a field has another wire type than its message says")),
        }
    }

    pub(super) fn varint(self) -> Result<u64, Malformed> {
        match self {
            Raw::Varint(number) => Ok(number),
            _ => Err(Malformed("a field has another wire type than its message says")),
        }
    }
}

/// A message's fields, in the order in which they stand.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fields<'b>(pub(super) &'b [u8]);

impl<'b> Fields<'b> {
    fn take(&mut self, count: usize) -> Result<&'b [u8], Malformed> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(Malformed("a message is cut off"))?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        self.take(N)?.try_into().map_err(|_| Malformed("a message is cut off"))
    }

    fn varint(&mut self) -> Result<u64, Malformed> {
        let mut number = 0_u64;
        for shift in (0..64).step_by(7) {
            let [byte] = self.array::<1>()?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                break;
            }
            number |= bits << shift;
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(Malformed("a number is longer than 64 bits"))
    }

    fn field(&mut self) -> Result<(u64, Raw<'b>), Malformed> {
        let tag = self.varint()?;
        let (number, kind) = (tag >> 3, tag & 7);
        if number == 0 || number > (1 << 29) - 1 {
            return Err(Malformed("a field has a number that no field has"));
        }
        let raw = match kind {
            0 => Raw::Varint(self.varint()?),
            1 => Raw::Fixed64(u64::from_le_bytes(self.array()?)),
            2 => {
                let length = usize::try_from(self.varint()?).map_err(|_| Malformed("a message is cut off"))?;
                Raw::Bytes(self.take(length)?)
            }
            5 => Raw::Fixed32(u32::from_le_bytes(self.array()?)),
            _ => return Err(Malformed("a field has a wire type that OTLP does not use")),
        };
        Ok((number, raw))
    }
}

impl<'b> Iterator for Fields<'b> {
    type Item = Result<(u64, Raw<'b>), Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let field = self.field();
        if field.is_err() {
            // Nothing behind it can be told apart.
            self.0 = &[];
        }
        Some(field)
    }
}
