//! `serve`

use std::fmt::Display;
use std::net::SocketAddr;
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use countersign_console::{Provider, Surroundings};
use countersign_http::{App, Listener, OwnerSocket, ServeLimits};
use countersign_identity::oidc::{Oidc, OidcSettings};
use countersign_journal::Error as JournalError;
use countersign_mcp_http::Servers;
use countersign_proxy::Upstreams;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, JoinSet};

use crate::config::Config;
use crate::connect::SOCKET;
use crate::deployment::{self, Deployment, DeploymentError};
use crate::error::Failure;
use crate::exit::Exit;
use crate::progress::Bar;
use crate::session::Session;
use crate::style::Paint;
use crate::system::{SystemClock, SystemRandom};

/// What an MCP message says besides its payload, in bytes at most.
const BESIDE_PAYLOAD: usize = 256 << 10;

/// How long ending may take before it says what it waits for.
const SILENCE: Duration = Duration::from_secs(1);

/// Run the gate on a data folder
#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// Address and port to listen at [default: `listen` of the configuration]
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
    /// Listen at the data folder's socket only
    #[arg(long, conflicts_with = "listen")]
    local: bool,
    /// Make a deployment where the folder holds none
    #[arg(long)]
    create: bool,
    /// End when nobody has asked for so many seconds and no action is open
    #[arg(long, value_name = "SECONDS", hide = true)]
    idle_exit: Option<u64>,
}

/// A gate that is being served.
pub(crate) struct Serving {
    deployment: Deployment,
    app: App,
    /// Paths of what the gateways lead to.
    gateways: Gateways,
    /// Those who are told; ends with this.
    telling: JoinSet<()>,
    stop: oneshot::Sender<()>,
    served: JoinHandle<std::io::Result<()>>,
}

/// Paths at which agents reach what is behind the gateways.
#[derive(Debug, Default)]
struct Gateways {
    apis: Vec<String>,
    mcp: Vec<String>,
}

impl Serving {
    /// Opens the folder and serves at its socket, and at `listen` where one is given.
    pub(crate) async fn start(
        data: &Path,
        config: &Config,
        listen: Option<SocketAddr>,
        progress: impl FnMut(u64, u64),
    ) -> Result<Self, Failure> {
        // First what may fail without having touched anything.
        let mut listeners = Vec::new();
        if let Some(address) = listen {
            let bound = TcpListener::bind(address).await;
            let bound = bound.map_err(|error| {
                Failure::Usage(format!("cannot listen at {address}: {error} (--listen names another)"))
            })?;
            listeners.push(Listener::Tcp(bound));
        }
        let deployment = Deployment::open(data, config, progress).await.map_err(taken)?;
        let socket = data.join(SOCKET);
        listeners.push(Listener::Owner(OwnerSocket::bind(&socket).await.map_err(Failure::file(&socket))?));
        let most_payload = config.limits.payload_bytes;
        let app = App::new(deployment.gate.clone(), deployment.store.clone(), Arc::new(SystemClock), most_payload);
        let telling = crate::notify::start(data, config, &deployment.gate)?;
        let (stop, stopped) = oneshot::channel();
        let mut router = countersign_console::site(&app, surroundings(data, config)?);
        let mut gateways = Gateways::default();
        if let Some(upstreams) = upstreams(data, config)? {
            gateways.apis = upstreams.names().map(|name| format!("/proxy/{name}/…")).collect();
            let proxy = countersign_proxy::router(&app, upstreams, most_payload);
            router = router.merge(proxy.map_err(|error| Failure::Usage(format!("the HTTP gateway: {error}")))?);
        }
        if let Some(servers) = mcp_servers(data, config)? {
            gateways.mcp = servers.names().map(|name| format!("/mcp/{name}")).chain(["/mcp".to_owned()]).collect();
            let mcp =
                countersign_mcp_http::router(&app, servers, Arc::new(SystemRandom), most_payload + BESIDE_PAYLOAD);
            router = router.merge(mcp.map_err(|error| Failure::Usage(format!("the MCP gateway: {error}")))?);
        }
        let served = tokio::spawn(countersign_http::serve(router, listeners, ServeLimits::default(), async {
            let _ = stopped.await;
        }));
        Ok(Serving { deployment, app, gateways, telling, stop, served })
    }

    /// The gate.
    pub(crate) fn deployment(&self) -> &Deployment {
        &self.deployment
    }

    /// What the routes reach.
    pub(crate) fn app(&self) -> &App {
        &self.app
    }

    /// Lets requests in flight end, publishes the last records, lets go of the folder.
    pub(crate) async fn stop(self) -> Result<(), DeploymentError> {
        let Serving { deployment, app, mut telling, stop, served, .. } = self;
        // They hold the gate, too.
        telling.shutdown().await;
        let _ = stop.send(());
        let _ = served.await;
        // The app holds the gate, and with it the folder.
        drop(app);
        deployment.close().await
    }
}

/// Says of a folder that another gate holds which ones end by themselves.
fn taken(error: DeploymentError) -> Failure {
    match error {
        DeploymentError::Journal(locked @ JournalError::Locked { .. }) => Failure::Unreachable(format!(
            "{locked}. (A gate that `countersign mcp` or a hook started by itself ends two minutes after its last use.)"
        )),
        other => other.into(),
    }
}

/// The APIs behind the HTTP gateway.
fn upstreams(data: &Path, config: &Config) -> Result<Option<Upstreams>, Failure> {
    let Some(text) = crate::notify::read(data, &config.upstreams_file).map_err(of_key("upstreams_file"))? else {
        return Ok(None);
    };
    Upstreams::parse(&text, |file| secret(data, file)).map(Some).map_err(in_file(&config.upstreams_file))
}

/// The servers behind the MCP gateway.
fn mcp_servers(data: &Path, config: &Config) -> Result<Option<Servers>, Failure> {
    let Some(text) = crate::notify::read(data, &config.mcp_servers_file).map_err(of_key("mcp_servers_file"))? else {
        return Ok(None);
    };
    Servers::parse(&text, |file| secret(data, file)).map(Some).map_err(in_file(&config.mcp_servers_file))
}

/// For `map_err` beside the key that names a file.
fn of_key(key: &'static str) -> impl FnOnce(Failure) -> Failure {
    move |failure| Failure::Usage(format!("{key}: {failure}"))
}

/// For `map_err` beside the name of a gateway's configuration.
fn in_file<E: Display>(file: &Path) -> impl FnOnce(E) -> Failure {
    move |error| Failure::Usage(format!("{}: {error}", file.display()))
}

/// What a file of secrets holds that a gateway's configuration names.
fn secret(data: &Path, file: &Path) -> Result<String, String> {
    match crate::notify::read_secret(data, file) {
        Ok(Some(secret)) if secret.is_empty() => Err(format!("{} is empty", file.display())),
        Ok(Some(secret)) => Ok(secret),
        Ok(None) => Err("a file of secrets has no name".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

/// What the pages tell besides the gate.
fn surroundings(data: &Path, config: &Config) -> Result<Surroundings, Failure> {
    Ok(Surroundings {
        provider: provider(data, config)?,
        notified: crate::notify::told(config),
        last_check: Some(data.join(super::log::LAST_CHECK)),
    })
}

/// The OpenID provider of the configuration.
fn provider(data: &Path, config: &Config) -> Result<Option<Provider>, Failure> {
    let settings = &config.oidc;
    if settings.issuer.is_empty() {
        return Ok(None);
    }
    let wrong = |why: String| Failure::Usage(format!("oidc.groups: {why:?} is not of the form `theirs = ours`"));
    let oidc = OidcSettings {
        name: settings.name.clone(),
        issuer: settings.issuer.clone(),
        client_id: settings.client_id.clone(),
        client_secret: crate::notify::read_secret(data, &settings.client_secret_file)?,
        redirect: format!("{}/sign-in/account/back", config.public_url()),
        groups_claim: settings.groups_claim.clone(),
    };
    let oidc = Oidc::new(oidc, Arc::new(SystemClock)).map_err(|error| Failure::Usage(error.to_string()))?;
    Ok(Some(Provider {
        oidc,
        groups: crate::config::group_pairs(&settings.groups).map_err(wrong)?,
        adds_people: settings.add_people,
    }))
}

pub(crate) async fn run(args: &Serve, session: &mut Session) -> Result<Exit, Failure> {
    let (data, mut config) = (session.global.data()?, session.global.config()?);
    config.listen = args.listen.unwrap_or(config.listen);
    if args.create {
        deployment::create_if_missing(&data, &config).await?;
    }
    let listen = (!args.local).then_some(config.listen);
    // Heard from here on: whoever ends the server right after its first words has the last records published, too.
    let mut asked_to_end = pin!(asked_to_end());
    let bar = Bar::new("records into the index");
    let serving = tokio::select! {
        started = Serving::start(&data, &config, listen, |done, of| bar.at(done, of)) => started?,
        () = &mut asked_to_end => return Err(Failure::No("asked to end before it was ready".to_owned())),
    };
    bar.end();
    announce(&data, listen, &serving, session)?;
    if listen.is_some() {
        invite_first_admin(&serving, session).await?;
    }
    tokio::select! {
        why = serving.deployment().failed() => {
            return Err(Failure::Unreachable(format!("the gate has stopped: {why}")));
        }
        () = &mut asked_to_end => {}
        () = idle(args.idle_exit, &serving) => {}
    }
    let mut ending = pin!(serving.stop());
    tokio::select! {
        ended = &mut ending => return Ok(ended.map(|()| Exit::Done)?),
        () = tokio::time::sleep(SILENCE) => {}
    }
    let told =
        session.out.line("ending: what is still being answered has a few seconds, then the last records are published");
    let told = told.and_then(|()| session.out.flush());
    // In order, whether or not anybody reads it.
    ending.await?;
    told?;
    Ok(Exit::Done)
}

fn announce(data: &Path, listen: Option<SocketAddr>, serving: &Serving, session: &mut Session) -> Result<(), Failure> {
    let out = &mut session.out;
    out.painted(Paint::Bold, format!("countersign {} serves {}", env!("CARGO_PKG_VERSION"), data.display()))?;
    out.line(format!("  socket  {}", data.join(SOCKET).display()))?;
    if let Some(address) = listen {
        out.line(format!("  http    http://{address}"))?;
        out.line(format!("  console {}", serving.deployment().gate.public_url()))?;
    }
    for (name, paths) in [("mcp", &serving.gateways.mcp), ("apis", &serving.gateways.apis)] {
        if !paths.is_empty() {
            out.line(format!("  {name:<7} {}", paths.join("  ")))?;
        }
    }
    if serving.deployment().gate.denies_everything() {
        out.painted(
            Paint::Yellow,
            "  policy  none is active: everything is denied (`countersign policy activate FOLDER`)",
        )?;
    } else {
        out.line(format!("  policy  {}", serving.deployment().gate.policy_version()))?;
    }
    out.flush()?;
    Ok(())
}

/// Somebody must be able to sign in to the console for the first time.
async fn invite_first_admin(serving: &Serving, session: &mut Session) -> Result<(), Failure> {
    let gate = &serving.deployment().gate;
    let invited = gate.invite_first_admin().await;
    let invited = invited.map_err(|error| Failure::No(format!("the first admin's link could not be made: {error}")))?;
    if let Some(invited) = invited {
        let out = &mut session.out;
        out.painted(Paint::Yellow, "  admin   nobody administers yet; this link lets one person in, once, for a day:")?;
        out.line(format!("          {}", invited.link))?;
        out.flush()?;
    }
    Ok(())
}

/// Resolves at the first signal that asks the process to end, from the call on.
fn asked_to_end() -> impl Future<Output = ()> {
    use tokio::signal::unix::{Signal, SignalKind, signal};
    async fn heard(signal: std::io::Result<Signal>) {
        match signal {
            Ok(mut signal) => drop(signal.recv().await),
            Err(_) => std::future::pending().await,
        }
    }
    let (terminate, interrupt) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()));
    async {
        tokio::select! {
            () = heard(terminate) => {}
            () = heard(interrupt) => {}
        }
    }
}

/// Resolves when nothing has been asked for so long and nothing is open; never where no limit is given.
async fn idle(limit: Option<u64>, serving: &Serving) {
    let Some(limit) = limit else { return std::future::pending().await };
    let gate = &serving.deployment().gate;
    let (mut quiet, mut last) = (0, 0);
    while quiet < limit {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let asked = serving.app().requests();
        quiet = if asked != last || gate.open_actions() > 0 { 0 } else { quiet + 1 };
        last = asked;
    }
}
