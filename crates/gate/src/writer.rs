//! The one writer: drains what has queued behind the commit in flight, applies it in order, commits once, answers all.

use std::sync::Arc;

use countersign_evidence::record::LogOpened;
use countersign_journal::{Batch, Error as JournalError, Priority};
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot, watch};

use crate::command::{Answer, Command};
use crate::draft::{Draft, system};
use crate::error::GateError;
use crate::pace::pause;
use crate::shared::Shared;
use crate::state::State;
use crate::time_line::TimeLine;
use crate::turn::{Changes, Turn};

/// A command and who waits for its answer.
pub(crate) struct Job {
    pub(crate) command: Command,
    pub(crate) reply: oneshot::Sender<Result<Answer, GateError>>,
}

/// What the writer tells everyone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WriterState {
    /// It writes; so many records are durable.
    Writing(u64),
    /// It stopped and nothing can be recorded any more; the process must be started anew.
    Stopped(String),
}

pub(crate) struct Writer {
    shared: Arc<Shared>,
    state: State,
    time_line: TimeLine,
    jobs: mpsc::Receiver<Job>,
    told: watch::Sender<WriterState>,
    runtime: Handle,
    /// Whether this opening is on record: it comes before the first record that it leads to.
    opened: bool,
}

impl Writer {
    pub(crate) fn new(
        shared: Arc<Shared>,
        state: State,
        jobs: mpsc::Receiver<Job>,
        told: watch::Sender<WriterState>,
        runtime: Handle,
    ) -> Self {
        let time_line = TimeLine::begin(&*shared.parts.clock, state.last_time);
        Writer { shared, state, time_line, jobs, told, runtime, opened: false }
    }

    /// Runs until every sender is gone or the journal fails.
    pub(crate) fn run(mut self) {
        while let Some(first) = self.jobs.blocking_recv() {
            let indexed = self.shared.parts.index.position();
            self.state.forget_indexed(indexed, &self.shared);
            // A plain thread, which has nothing else to do.
            std::thread::sleep(pause(self.state.head.size().saturating_sub(indexed)));
            let mut jobs = vec![first];
            // No timer: what came in during the last commit is the next batch.
            let most = self.shared.settings().batch_records;
            while jobs.len() < most {
                match self.jobs.try_recv() {
                    Ok(job) => jobs.push(job),
                    Err(_) => break,
                }
            }
            if let Err(why) = self.serve(jobs) {
                self.told.send_replace(WriterState::Stopped(why.clone()));
                self.refuse_all(&why);
                return;
            }
        }
    }

    /// Serves all jobs, in as many commits as their records need. `Err`: it is unknown what is durable.
    fn serve(&mut self, mut jobs: Vec<Job>) -> Result<(), String> {
        while !jobs.is_empty() {
            jobs = self.commit(jobs, Priority::New)?;
        }
        Ok(())
    }

    /// One commit, one line after another; returns the jobs that did not fit into it.
    ///
    /// If the process dies anywhere before `append` returns, none of these jobs has been answered, and each has either
    /// happened as a whole or not at all: the log tells which. After it, they have happened.
    fn commit(&mut self, mut jobs: Vec<Job>, priority: Priority) -> Result<Vec<Job>, String> {
        let shared = Arc::clone(&self.shared);
        let (time, stepped) = self.time_line.next(&*shared.parts.clock, self.state.last_time);
        let mut turn = Turn::new(&shared, &self.state, time);
        if !self.opened {
            turn.system(opening(&shared)).map_err(|error| error.to_string())?;
        }
        let before = turn.mark();
        let steps = stepped.is_some();
        if let Some(stepped) = stepped {
            let told = turn.system(Draft::plain(shared.new_id(), system(), stepped));
            told.map_err(|error| error.to_string())?;
        }
        let mut answers = Vec::with_capacity(jobs.len());
        for job in &jobs {
            // At least one, however small a batch is: an opening or a step of the clock may fill it already.
            if !answers.is_empty() && turn.is_full() {
                break;
            }
            answers.push(turn.apply(&job.command));
        }
        let later = jobs.split_off(answers.len());
        let something = turn.has_more_than(&before);
        let (entries, changes) = turn.finish();
        if something {
            let batch = Batch { entries, priority };
            match self.runtime.block_on(shared.parts.journal.append(&self.state.head, batch)) {
                Ok(head) => {
                    self.opened = true;
                    if steps {
                        self.time_line.recorded();
                    }
                    self.take_over(head, time, changes);
                }
                Err(JournalError::Full) if priority == Priority::New => return self.without_room(jobs, later),
                Err(error) => {
                    let why = error.to_string();
                    answer_all(jobs.into_iter().chain(later), || GateError::Unavailable(why.clone()));
                    // After a certain refusal nothing has changed and the next turn may fare better.
                    return if error.is_certain() && !is_lost(&error) { Ok(Vec::new()) } else { Err(why) };
                }
            }
        } else {
            self.take_over(self.state.head.clone(), self.state.last_time, changes);
        }
        for (job, answer) in jobs.into_iter().zip(answers) {
            // Nobody waits any more: what happened has happened, and the log has it.
            let _ = job.reply.send(answer);
        }
        // Whoever follows the log is woken last: the answers are more urgent.
        self.told.send_modify(|_| {});
        Ok(later)
    }

    fn take_over(
        &mut self,
        head: countersign_journal::Head,
        time: countersign_evidence::time::Timestamp,
        changes: Changes,
    ) {
        self.state.commit(head, time, changes, &self.shared);
        // Known before the answers leave: who has one finds its records everywhere.
        self.told.send_if_modified(|told| {
            *told = WriterState::Writing(self.state.head.size());
            false
        });
    }

    /// The disk is full: new work is refused, what has begun may end.
    fn without_room(&mut self, jobs: Vec<Job>, later: Vec<Job>) -> Result<Vec<Job>, String> {
        let (ending, new): (Vec<Job>, Vec<Job>) =
            jobs.into_iter().chain(later).partition(|job| job.command.ends_something());
        answer_all(new, || GateError::DiskFull);
        if ending.is_empty() { Ok(Vec::new()) } else { self.commit(ending, Priority::Finish) }
    }

    fn refuse_all(&mut self, why: &str) {
        self.jobs.close();
        while let Some(job) = self.jobs.blocking_recv() {
            let _ = job.reply.send(Err(GateError::Unavailable(why.to_owned())));
        }
    }
}

fn opening(shared: &Shared) -> Draft {
    let settings = shared.settings();
    let body = LogOpened { origin: settings.origin.clone(), epoch: shared.epoch, version: settings.version.clone() };
    Draft::plain(shared.new_id(), system(), body)
}

/// Errors after which this process must not write again, though nothing of the last call happened.
fn is_lost(error: &JournalError) -> bool {
    matches!(error, JournalError::Conflict | JournalError::Fenced { .. } | JournalError::Corrupt { .. })
}

fn answer_all(jobs: impl IntoIterator<Item = Job>, error: impl Fn() -> GateError) {
    for job in jobs {
        let _ = job.reply.send(Err(error()));
    }
}
