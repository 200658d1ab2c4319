//! Cedar policy sets: allow, deny or review, purely decided.
