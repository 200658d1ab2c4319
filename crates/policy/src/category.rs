use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What kind of side effect a tool has. In Cedar `Action::"<category>"`; all are in `Action::"any"`, all but
/// [`Category::Read`] in `Action::"effect"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Category {
    /// Looks, changes nothing.
    Read,
    /// Creates or changes data.
    Write,
    /// Removes data.
    Delete,
    /// Tells somebody something.
    Message,
    /// Moves money.
    Payment,
    /// Takes data out.
    Export,
    /// Runs a program.
    Execute,
    /// Changes rights, users or settings.
    Admin,
}

impl Category {
    /// Every category, in the order of their declaration.
    pub const ALL: [Category; 8] = [
        Category::Read,
        Category::Write,
        Category::Delete,
        Category::Message,
        Category::Payment,
        Category::Export,
        Category::Execute,
        Category::Admin,
    ];

    /// The name in rules, requests and records.
    pub fn as_str(self) -> &'static str {
        match self {
            Category::Read => "read",
            Category::Write => "write",
            Category::Delete => "delete",
            Category::Message => "message",
            Category::Payment => "payment",
            Category::Export => "export",
            Category::Execute => "execute",
            Category::Admin => "admin",
        }
    }

    /// Position in [`Category::ALL`].
    pub(crate) fn index(self) -> usize {
        self as usize
    }
}

impl fmt::Display for Category {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A name that is no category.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no category: use read, write, delete, message, payment, export, execute or admin")]
pub struct UnknownCategory(pub String);

impl FromStr for Category {
    type Err = UnknownCategory;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|category| category.as_str() == name).ok_or_else(|| UnknownCategory(name.to_owned()))
    }
}
