//! What is answered to an export request (OTLP 1.x, OTLP/HTTP Response).

use countersign_evidence::json::{Object, Value};
use prost::Message;

/// What is reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// Spans.
    Traces,
    /// Log records.
    Logs,
}

/// How a request is written, and so its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// `application/x-protobuf`
    Protobuf,
    /// `application/json`
    Json,
}

/// `Export…ServiceResponse`: both kinds have the same fields.
#[derive(Message)]
struct Taken {
    #[prost(message, optional, tag = "1")]
    partial: Option<Partial>,
}

#[derive(Message)]
struct Partial {
    #[prost(int64, tag = "1")]
    rejected: i64,
    #[prost(string, tag = "2")]
    message: String,
}

/// `google.rpc.Status`
#[derive(Message)]
struct Status {
    #[prost(int32, tag = "1")]
    code: i32,
    #[prost(string, tag = "2")]
    message: String,
}

impl Encoding {
    /// By the essence of a `Content-Type`.
    pub fn of(content_type: &str) -> Option<Self> {
        let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        match essence.as_str() {
            "application/x-protobuf" | "application/protobuf" => Some(Encoding::Protobuf),
            "application/json" => Some(Encoding::Json),
            _ => None,
        }
    }

    /// The `Content-Type` of the answer.
    pub const fn media_type(self) -> &'static str {
        match self {
            Encoding::Protobuf => "application/x-protobuf",
            Encoding::Json => "application/json",
        }
    }

    /// It was taken, but for so many, which are not to be sent again.
    pub fn taken(self, signal: Signal, left_out: usize, why: &str) -> Vec<u8> {
        let rejected = i64::try_from(left_out).unwrap_or(i64::MAX);
        match self {
            Encoding::Protobuf => {
                let partial = (rejected > 0).then(|| Partial { rejected, message: why.to_owned() });
                Taken { partial }.encode_to_vec()
            }
            Encoding::Json => {
                let mut answer = Object::new();
                if rejected > 0 {
                    let name = match signal {
                        Signal::Traces => "rejectedSpans",
                        Signal::Logs => "rejectedLogRecords",
                    };
                    let mut partial = Object::new();
                    // 64-bit numbers are texts in protobuf's JSON.
                    partial.insert(name, rejected.to_string());
                    partial.insert("errorMessage", why);
                    answer.insert("partialSuccess", partial);
                }
                Value::from(answer).to_canonical().into_bytes()
            }
        }
    }

    /// It was not taken: the body of an answer with this HTTP status.
    pub fn refused(self, http_status: u16, why: &str) -> Vec<u8> {
        // google.rpc.Code
        let code = match http_status {
            401 => 16,
            403 => 7,
            404 => 5,
            413 | 429 => 8,
            400..500 => 3,
            503 => 14,
            _ => 13,
        };
        match self {
            Encoding::Protobuf => Status { code, message: why.to_owned() }.encode_to_vec(),
            Encoding::Json => {
                let mut status = Object::new();
                status.insert("code", i64::from(code));
                status.insert("message", why);
                Value::from(status).to_canonical().into_bytes()
            }
        }
    }
}

/// How many spans a collector left out of what it took, and why, by its answer in protobuf.
pub fn rejected(answer: &[u8]) -> Option<(i64, String)> {
    let partial = Taken::decode(answer).ok()?.partial?;
    (partial.rejected > 0).then_some((partial.rejected, partial.message))
}
