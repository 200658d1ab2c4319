use std::sync::{Arc, OnceLock};

use countersign_evidence::time::Clock;
use countersign_gate::{Gate, GateError};
use countersign_journal::Store;
use tokio::sync::Semaphore;

use crate::authzen::AuthZen;
use crate::metrics::Metrics;

/// Room beside the payload for everything else in a request, in bytes.
const BESIDE_PAYLOAD: usize = 256 << 10;
/// Reports that are read at the same time.
const READ_AT_ONCE: usize = 4;

/// What every handler can reach; cheap to clone.
#[derive(Clone)]
pub struct App {
    inner: Arc<Inner>,
}

struct Inner {
    gate: Gate,
    store: Store,
    clock: Arc<dyn Clock>,
    metrics: Metrics,
    most_body: usize,
    authzen: OnceLock<AuthZen>,
    reading: Semaphore,
}

impl App {
    /// The gate, the published log's files, and where durations are measured. `most_payload` is the gate's limit for a
    /// payload in bytes; a request body may be a little larger.
    pub fn new(gate: Gate, store: Store, clock: Arc<dyn Clock>, most_payload: usize) -> Self {
        let most_body = most_payload.saturating_add(BESIDE_PAYLOAD);
        let (metrics, authzen, reading) = (Metrics::default(), OnceLock::new(), Semaphore::new(READ_AT_ONCE));
        App { inner: Arc::new(Inner { gate, store, clock, metrics, most_body, authzen, reading }) }
    }

    /// Requests answered since the start, whatever came of them.
    pub fn requests(&self) -> u64 {
        self.inner.metrics.answered()
    }

    /// The gate.
    pub fn gate(&self) -> &Gate {
        &self.inner.gate
    }

    /// The published log.
    pub fn store(&self) -> &Store {
        &self.inner.store
    }

    /// Where time comes from.
    pub fn clock(&self) -> &dyn Clock {
        &*self.inner.clock
    }

    /// The same, to be kept.
    pub fn shared_clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.inner.clock)
    }

    pub(crate) fn metrics(&self) -> &Metrics {
        &self.inner.metrics
    }

    /// What AuthZEN needs between requests; made when it is first asked for.
    pub(crate) fn authzen(&self) -> Result<&AuthZen, GateError> {
        if let Some(made) = self.inner.authzen.get() {
            return Ok(made);
        }
        let made = AuthZen::new(&self.inner.gate)?;
        Ok(self.inner.authzen.get_or_init(|| made))
    }

    /// Seats for those whose reports are being read.
    pub(crate) fn reading(&self) -> &Semaphore {
        &self.inner.reading
    }

    /// Most bytes of a request body.
    pub(crate) fn most_body(&self) -> usize {
        self.inner.most_body
    }
}
