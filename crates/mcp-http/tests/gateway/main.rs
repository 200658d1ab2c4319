//! The gateway in front of a server on loopback that does what it should, and a lot that it should not.
#![allow(clippy::unwrap_used)]

mod all;
mod holding;
mod house;
mod liars;
mod modern;
mod sessions;
mod upstream;
