//! One page per file.

pub(crate) mod account;
pub(crate) mod account_sign_in;
pub(crate) mod action;
pub(crate) mod actions;
pub(crate) mod confirm;
pub(crate) mod export;
pub(crate) mod home;
pub(crate) mod identical;
pub(crate) mod invitation;
pub(crate) mod log;
pub(crate) mod next;
pub(crate) mod oversight;
pub(crate) mod people;
pub(crate) mod policies;
pub(crate) mod queue;
pub(crate) mod review;
pub(crate) mod session;
pub(crate) mod settings;
pub(crate) mod settle;
pub(crate) mod sign_in;
pub(crate) mod standing;
pub(crate) mod talk;
pub(crate) mod try_policy;
pub(crate) mod views;
