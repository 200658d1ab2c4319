//! What goes over the wire, as `docs/openapi.json` describes it. Every object refuses unknown members.

mod action;
mod context;
mod difference;
mod oversight;
mod people;
pub mod pointer;
mod problem;
mod review;
mod standing;
mod story;
mod system;

pub use action::{
    ActionView, AuthorizationView, CancelRequest, DefineToolsRequest, ExecutionView, FinishRequest, Page,
    ProposeRequest, QuestionView, ReasonView, ResolveRequest, Resource, ReviewView, StartNow, StartRequest, State,
    SummaryView, ToolsDefined, UserRef,
};
pub use context::{ReportedSpan, RuntimeContext};
pub use difference::{Step, Visit, difference, each_difference};
pub use oversight::{
    AttentionPoint, AttentionView, CurvePoint, DayView, EndsView, OversightView, RepeatView, RepeatsView,
    ReviewerLoadView, RuleRateView, TimesView,
};
pub use people::{
    CredentialView, DelegationRequest, DelegationView, Ended, InvitationView, PersonRequest, PersonView, SessionView,
};
pub use problem::Problem;
pub use review::{
    AnswerRequest, AskRequest, AssertionView, Change, Comparison, DecideRequest, DecidingField, HandOverRequest,
    NoteView, PendingReview, Presentation, RequirementView, RuleView, SeatView, StatementView,
};
pub use standing::{StandingRequest, StandingView};
pub use story::{Answer, RecordView, Story};
pub use system::{
    ErasePersonRequest, EraseRequest, Erased, EventView, ImportPolicy, KeyCreatedView, KeyRequest, KeyView, LogView,
    PolicyTestView, PolicyView, Resolved, ToolView, TriedView,
};
