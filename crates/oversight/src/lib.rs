//! How oversight by people goes, computed from what the index says: pure functions from rows to numbers.
//!
//! | to know this | start at |
//! |---|---|
//! | how reviews went | [`reviews`] |
//! | how long something takes of which not all has ended | [`KaplanMeier`] |
//! | how sure a rate is | [`wilson`] |

mod attention;
mod ends;
mod kaplan_meier;
mod load;
mod repeats;
mod reviews;
mod wilson;

pub use attention::{CHARACTERS_PER_S, LEAST_MS, is_fast};
pub use kaplan_meier::KaplanMeier;
pub use reviews::{Asked, reviews};
pub use wilson::wilson;
