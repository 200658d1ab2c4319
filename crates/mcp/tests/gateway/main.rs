//! The gateway between a scripted client, a scripted server and a scripted gate.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod bad_lines;
mod cancelling;
mod catalogue;
mod child;
mod deciding;
mod demo;
mod ending;
mod executing;
mod fake_gate;
mod fidelity;
mod holding;
mod passing;
mod properties;
mod rig;
