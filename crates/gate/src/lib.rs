//! The order of things: propose, review, start, finish, sweep.
