//! What a text is checked for while it is written.

use super::ConvertError;

/// What a text may hold beyond being JSON. Each answer refuses with a reason.
pub trait Check: Copy {
    /// A member's name.
    fn name(self, name: &str) -> Result<(), ConvertError>;
    /// A string.
    fn string(self, text: &str) -> Result<(), ConvertError>;
    /// A number, in canonical form.
    fn number(self, text: &str) -> Result<(), ConvertError>;
    /// `null`.
    fn null(self) -> Result<(), ConvertError>;
}

/// Any JSON will do.
#[derive(Debug, Clone, Copy)]
pub(super) struct Anything;

impl Check for Anything {
    fn name(self, _: &str) -> Result<(), ConvertError> {
        Ok(())
    }

    fn string(self, _: &str) -> Result<(), ConvertError> {
        Ok(())
    }

    fn number(self, _: &str) -> Result<(), ConvertError> {
        Ok(())
    }

    fn null(self) -> Result<(), ConvertError> {
        Ok(())
    }
}
