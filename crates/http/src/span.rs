//! A stretch of time in a query.

use countersign_evidence::time::Timestamp;
use countersign_index::search;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::kinds;
use crate::problem::Failure;

/// Days that are looked at where nothing is said.
const DAYS: i64 = 30;

/// Which reviews are meant: those in which people were asked between these times.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Span {
    /// From then on: so long ago (`12h`, `30d`), a day, or a time; 30 days where absent.
    pub since: Option<String>,
    /// Before then; now where absent.
    pub until: Option<String>,
}

impl Span {
    /// The two times.
    ///
    /// # Errors
    /// `bad_query` for what does not read.
    pub fn times(&self, now: Timestamp) -> Result<(Timestamp, Timestamp), Failure> {
        let read =
            |name: &str, given: &Option<String>, otherwise| match given.as_deref().filter(|text| !text.is_empty()) {
                Some(text) => search::point(text, now)
                    .ok_or_else(|| Failure::new(kinds::BAD_QUERY, format!("{name}: {}", search::TIMES))),
                None => Ok(otherwise),
            };
        let since = read("since", &self.since, now.plus_seconds(-DAYS * 86_400))?;
        Ok((since, read("until", &self.until, now)?))
    }
}
