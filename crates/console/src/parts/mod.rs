//! Pieces that pages are built from.

pub(crate) mod advance;
pub(crate) mod answer;
pub(crate) mod badge;
pub(crate) mod columns;
pub(crate) mod context;
pub(crate) mod form;
pub(crate) mod json;
pub(crate) mod overview;
pub(crate) mod plot;
pub(crate) mod presentation;
pub(crate) mod schema;
pub(crate) mod talk;
pub(crate) mod text;
pub(crate) mod time;
