//! Room that is kept for the end of what has begun: a file that is deleted when the disk is full.

use std::fs::{self, File};
use std::io::Write;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

use rusqlite::Connection;

use super::SqliteOptions;
use super::connection::unread;
use crate::error::Error;
use crate::folder::unwritable;

const CHUNK: usize = 1 << 20;

/// The reserve of a journal. While it is released, new work is refused: it would eat what the finishes need.
///
/// Zeros are written, so on a file system that compresses or deduplicates the file keeps no room.
#[derive(Debug)]
pub(super) struct Reserve {
    path: PathBuf,
    bytes: u64,
    most_pages: Option<i64>,
    reserve_pages: i64,
    released: AtomicBool,
}

impl Reserve {
    pub(super) fn open(path: PathBuf, connection: &Connection, options: &SqliteOptions) -> Result<Self, Error> {
        let page: i64 = connection.pragma_query_value(None, "page_size", |row| row.get(0)).map_err(unread)?;
        let pages = |bytes: u64| i64::try_from(bytes).unwrap_or(i64::MAX) / page;
        let reserve = Reserve {
            path,
            bytes: options.reserve_bytes,
            most_pages: options.most_bytes.map(pages),
            reserve_pages: pages(options.reserve_bytes),
            released: AtomicBool::new(false),
        };
        // Opening works on a full disk too: open actions may have to be finished.
        reserve.restore(connection)?;
        Ok(reserve)
    }

    /// Refuses new work while the reserve is not whole.
    pub(super) fn check_whole(&self) -> Result<(), Error> {
        if self.is_released() { Err(Error::Full) } else { Ok(()) }
    }

    pub(super) fn is_released(&self) -> bool {
        self.released.load(Ordering::Acquire)
    }

    /// Gives the room to the journal.
    pub(super) fn release(&self, connection: &Connection) -> Result<(), Error> {
        self.released.store(true, Ordering::Release);
        if self.most_pages.is_some() {
            let used: i64 = connection.pragma_query_value(None, "page_count", |row| row.get(0)).map_err(unread)?;
            let most = self.most_pages.unwrap_or(used).max(used) + self.reserve_pages;
            set_most_pages(connection, most)?;
        }
        // Without the file there is nothing to give: the append that follows says whether it fits.
        let _ = fs::remove_file(&self.path);
        Ok(())
    }

    /// Makes the reserve whole if there is room for it.
    pub(super) fn restore(&self, connection: &Connection) -> Result<(), Error> {
        let limited = match self.most_pages {
            Some(most) => {
                set_most_pages(connection, most)?;
                pages_in_use(connection)? > most
            }
            None => false,
        };
        let whole = !limited && self.is_filled()?;
        self.released.store(!whole, Ordering::Release);
        Ok(())
    }

    /// Whether the file is there in full, after trying to fill it.
    fn is_filled(&self) -> Result<bool, Error> {
        if fs::metadata(&self.path).is_ok_and(|found| found.len() >= self.bytes) {
            return Ok(true);
        }
        match self.fill() {
            Ok(()) => Ok(true),
            Err(cause) => match unwritable(&self.path, &cause) {
                Error::Full => {
                    let _ = fs::remove_file(&self.path);
                    Ok(false)
                }
                error => Err(error),
            },
        }
    }

    fn fill(&self) -> std::io::Result<()> {
        let mut file = File::create(&self.path)?;
        let mut left = self.bytes;
        while left > 0 {
            let chunk = left.min(CHUNK as u64);
            file.write_all(&vec![0; chunk as usize])?;
            left -= chunk;
        }
        file.sync_all()
    }
}

fn pages_in_use(connection: &Connection) -> Result<i64, Error> {
    let count = |pragma| connection.pragma_query_value(None, pragma, |row| row.get::<_, i64>(0)).map_err(unread);
    Ok(count("page_count")? - count("freelist_count")?)
}

fn set_most_pages(connection: &Connection, most: i64) -> Result<(), Error> {
    connection.pragma_update_and_check(None, "max_page_count", most, |_| Ok(())).map_err(unread)
}
