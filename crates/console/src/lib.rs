//! The console: server-rendered pages for people who decide, search and check.
//!
//! [`entries`](router) has every page on one screen; each is a file below `pages`. A page is built from the same answers of
//! the gate that the API gives. Everything works without scripts; scripts only make it live and quick. What comes from
//! outside goes through `parts::text`.

mod assets;
mod console;
mod layout;
mod pages;
mod parts;
mod router;
mod viewer;

pub use console::{Provider, Surroundings};
pub use router::{page_table, router, site};
