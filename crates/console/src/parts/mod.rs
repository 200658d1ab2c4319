//! Pieces that pages are built from.

pub(crate) mod text;
