//! Offline verification: no network, no database, no clock.
