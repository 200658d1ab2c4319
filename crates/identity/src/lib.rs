//! How people prove who they are: ceremonies alone. What is stored, recorded and let in is the gate's matter.

pub mod oidc;
pub mod passkeys;
pub mod passwords;
