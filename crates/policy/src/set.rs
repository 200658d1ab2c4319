//! The policy set: loaded and checked as a whole, then immutable.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::path::Path;

use cedar_policy::pst;

use crate::cases::{self, Case};
use crate::catalogue::{self, Catalogue};
use crate::category::Category;
use crate::decision::Effect;
use crate::entities::Fixed;
use crate::error::{LoadErrors, Problem};
use crate::names::check_identifier;
use crate::reads::{ENTITY_TYPES, NumberKind, Path as Attributes, Reads, number_kinds};
use crate::request::FactName;
use crate::rule::{Annotations, Rule};
use crate::scope::{Scope, plain};
use crate::slice::{Slice, Slices};
use crate::spelling::suggestion;
use crate::split::split;
use crate::text::{Kind, PolicyText};

/// Bytes of stack for loading; touched only as far as needed.
const LOADING_STACK: usize = 64 << 20;
/// Most rules in a set.
const MOST_RULES: usize = 1000;

/// A checked set of rules. Immutable; deciding with it needs nothing else.
pub struct PolicySet {
    pub(crate) loaded: Loaded,
    pub(crate) slices: Slices,
    pub(crate) fixed: Fixed,
    positions: HashMap<String, usize>,
    text: PolicyText,
    version: String,
    digest: String,
    facts_wanted: BTreeSet<FactName>,
    cases: Vec<Case>,
}

impl fmt::Debug for PolicySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PolicySet").field("version", &self.version).field("rules", &self.rules().len()).finish()
    }
}

/// What slices are cut from.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) rules: Vec<Rule>,
    pub(crate) catalogue: Catalogue,
    pub(crate) kinds: BTreeMap<Attributes, NumberKind>,
}

impl PolicySet {
    /// Loads a policy folder.
    ///
    /// # Errors
    /// All problems of the folder and its texts.
    pub fn load_dir(folder: &Path) -> Result<Self, LoadErrors> {
        Self::from_text(PolicyText::read(folder)?)
    }

    /// Loads the texts of a policy folder, as `policy.activated` holds them.
    ///
    /// # Errors
    /// All problems: Cedar that does not parse, unknown or missing annotations, unknown groups, names that no request has,
    /// a schema that the rules do not fit, malformed entities or tests, limits (1,000 rules, 16 KiB each).
    pub fn from_text(text: PolicyText) -> Result<Self, LoadErrors> {
        // Cedar's parser and validator recurse without looking at the stack: room for the longest rules that `split` admits.
        let loading = std::thread::Builder::new().stack_size(LOADING_STACK).spawn(|| Self::load(text));
        let loading = loading.map_err(|error| LoadErrors::one("", format!("no thread to load the policy: {error}")))?;
        let failed =
            |_| LoadErrors::one("", "the policy could not be loaded: please report this, with the policy folder");
        loading.join().map_err(failed)?
    }

    fn load(text: PolicyText) -> Result<Self, LoadErrors> {
        let mut problems = Vec::new();
        text.check(&mut problems);
        LoadErrors::unless_empty(std::mem::take(&mut problems))?;
        let catalogue =
            text.0.get(catalogue::FILE).map(|text| Catalogue::read(text, &mut problems)).unwrap_or_default();
        let rules = read_rules(&text, &catalogue, &mut problems);
        let kinds = number_kinds(rules.iter().map(|rule| &rule.reads)).unwrap_or_else(|path| {
            problems.push(mixed_numbers(&path, &rules));
            BTreeMap::new()
        });
        let cases = text.of(Kind::Tests).flat_map(|(file, text)| cases::read(file, text, &mut problems)).collect();
        crate::schema::check(&text, &rules, &mut problems);
        LoadErrors::unless_empty(problems)?;
        let fixed = Fixed::new().map_err(|message| LoadErrors::one("", message))?;
        Ok(PolicySet {
            slices: Slices::of(&rules),
            fixed,
            positions: rules.iter().enumerate().map(|(at, rule)| (rule.id.clone(), at)).collect(),
            version: text.version(),
            digest: text.digest(),
            facts_wanted: rules.iter().flat_map(|rule| rule.reads.facts(&catalogue)).collect(),
            loaded: Loaded { rules, catalogue, kinds },
            text,
            cases,
        })
    }

    /// The version: the first 12 hexadecimal digits of the digest.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// SHA-256 over the canonical JSON of the texts, base64url without padding.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// The texts that the set was loaded from.
    pub fn text(&self) -> &PolicyText {
        &self.text
    }

    /// Whether there is no rule: then everything is denied.
    pub fn is_empty(&self) -> bool {
        self.loaded.rules.is_empty()
    }

    /// The rules, in order of file and line.
    pub fn rules(&self) -> &[Rule] {
        &self.loaded.rules
    }

    /// What `entities.json` says: agents and their owners, groups, tools, sums.
    pub fn catalogue(&self) -> &Catalogue {
        &self.loaded.catalogue
    }

    /// The facts that any rule reads; the gate need not compute others.
    pub fn facts_wanted(&self) -> &BTreeSet<FactName> {
        &self.facts_wanted
    }

    /// The facts that rules read which can match a call of this tool.
    pub fn facts_wanted_for(&self, category: Category, server: &str, tool: &str) -> BTreeSet<FactName> {
        let name = format!("{server}/{tool}");
        self.slice(category, server, &name).facts.iter().flat_map(|(_, facts)| facts.iter().cloned()).collect()
    }

    /// The cases of `tests/*.yaml`.
    pub fn cases(&self) -> &[Case] {
        &self.cases
    }

    pub(crate) fn rule(&self, position: usize) -> Option<&Rule> {
        self.loaded.rules.get(position)
    }

    pub(crate) fn position(&self, id: &str) -> Option<usize> {
        self.positions.get(id).copied()
    }

    pub(crate) fn slice(&self, category: Category, server: &str, tool: &str) -> &Slice {
        self.slices.get(&self.loaded, category, server, tool)
    }
}

fn mixed_numbers(path: &Attributes, rules: &[Rule]) -> Problem {
    let named = |rule: &&Rule| rule.reads.kinds.iter().any(|(read, _)| read == path);
    let names: Vec<&str> = rules.iter().filter(named).map(|rule| rule.id.as_str()).collect();
    let first = rules.iter().find(named);
    let message = format!(
        "context.{} is compared as an integer here and as a decimal there ({}): use one, decimal takes integers too",
        path.join("."),
        names.join(", ")
    );
    Problem::new(first.map_or("", |rule| &rule.file), first.map(|rule| rule.line), message)
}

fn read_rules(text: &PolicyText, catalogue: &Catalogue, problems: &mut Vec<Problem>) -> Vec<Rule> {
    let mut rules: Vec<Rule> = Vec::new();
    for (file, text) in text.of(Kind::Rules) {
        for piece in split(text) {
            if rules.len() >= MOST_RULES {
                problems.push(Problem::new(file, Some(piece.line), format!("more than {MOST_RULES} rules: join some")));
                return rules;
            }
            if let Some(message) = piece.refused {
                problems.push(Problem::new(file, Some(piece.line), message));
                continue;
            }
            let rule = read_rule(file, piece.line, piece.text, catalogue, problems);
            rules.extend(rule);
        }
    }
    let mut seen: BTreeMap<&str, &Rule> = BTreeMap::new();
    for rule in &rules {
        if let Some(first) = seen.insert(&rule.id, rule) {
            let message =
                format!("@id({:?}) is taken by {}:{}: give each rule its own", rule.id, first.file, first.line);
            problems.push(Problem::new(&rule.file, Some(rule.line), message));
        }
    }
    rules
}

fn read_rule(file: &str, line: u32, text: &str, catalogue: &Catalogue, problems: &mut Vec<Problem>) -> Option<Rule> {
    let parsed = match crate::parse::parse(text) {
        Ok(parsed) => parsed,
        Err(errors) => {
            problems
                .extend(errors.into_iter().map(|(offset, message)| Problem::new(file, Some(line + offset), message)));
            return None;
        }
    };
    let mut problem = |message: String| problems.push(Problem::new(file, Some(line), message));
    let body = &parsed.body;
    let in_risk_folder = file.starts_with("risk/");
    let annotations = Annotations::read(body.effect, &body.annotations, in_risk_folder, catalogue, &mut problem);
    let reads = Reads::of(body);
    reads.problems(catalogue).into_iter().for_each(&mut problem);
    if annotations.effect == Effect::Risk && reads.touches("risk") {
        problem("a risk rule reads context.risk, which comes of risk rules: read something else".to_owned());
    }
    let scope = Scope::of(body);
    let named: Vec<_> = crate::parse::scope_entities(body)
        .iter()
        .chain(&reads.entities)
        .map(|uid| check_entity(uid, catalogue))
        .collect();
    if named.iter().all(Result::is_ok) && scope.never_applies() {
        problem(MATCHES_NOTHING.to_owned());
    }
    named.into_iter().filter_map(Result::err).for_each(&mut problem);
    match crate::parse::variants(&parsed, &annotations.id) {
        Ok((as_written, as_permit)) => Some(Rule {
            id: annotations.id,
            effect: annotations.effect,
            message: annotations.message,
            groups: annotations.groups,
            quorum: annotations.quorum,
            expires_s: annotations.expires_s,
            escalation: annotations.escalation,
            signature: annotations.signature,
            standing_s: annotations.standing_s,
            points: annotations.points,
            text: text.to_owned(),
            file: file.to_owned(),
            line,
            scope,
            reads,
            as_permit,
            as_written,
            body: crate::parse::without_annotations(body),
        }),
        Err(message) => {
            problem(message);
            None
        }
    }
}

const MATCHES_NOTHING: &str = "the rule's scope can match no request: write `principal ==` an Agent or `in` an AgentGroup, \
    `action ==` a category or `in` \"any\" or \"effect\", `resource ==` a Tool or `in` a Server";

/// Entities named by rules: a misspelt one would make the rule match nothing.
fn check_entity(uid: &pst::EntityUID, catalogue: &Catalogue) -> Result<(), String> {
    let known_action = |name: &str| name == "any" || name == "effect" || name.parse::<Category>().is_ok();
    match plain(uid) {
        Some(("Agent", id)) => check_identifier("agent", id),
        Some(("AgentGroup", id)) if !catalogue.agent_groups.contains_key(id) => {
            let near = suggestion(id, catalogue.agent_groups.keys().map(String::as_str));
            Err(format!("unknown agent group {id:?}{near}: list it under \"agent_groups\" in entities.json"))
        }
        Some(("AgentGroup", _)) => Ok(()),
        Some(("Action", name)) if !known_action(name) => {
            let known = Category::ALL.iter().map(|category| category.as_str()).chain(["any", "effect"]);
            Err(format!("unknown action {name:?}{}: use a category, \"any\" or \"effect\"", suggestion(name, known)))
        }
        Some(("Action", _)) => Ok(()),
        Some(("Tool", name)) => catalogue::check_tool_name(name),
        Some(("Server", name)) if name.contains('/') => {
            Err(format!("the server {name:?} has a '/': name the tool's server alone"))
        }
        Some(("Server", name)) => check_identifier("server", name),
        _ => Err(format!(
            "{uid} is of no known type{}: use {}",
            suggestion(&uid.ty.to_string(), ENTITY_TYPES),
            ENTITY_TYPES.join(", ")
        )),
    }
}
