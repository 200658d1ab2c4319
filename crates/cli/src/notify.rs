//! Who is told what waits and what came of it, by the configuration.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;

use countersign_gate::Gate;
use countersign_notify::{Collector, Guard, Mail, MailSettings, Slack, Target, Webhook, deliver, export};
use tokio::task::JoinSet;

use crate::config::{Config, Otlp};
use crate::error::Failure;
use crate::system::SystemClock;

/// Starts to tell everybody who is configured. What is returned ends it when it is dropped.
pub(crate) fn start(data: &Path, config: &Config, gate: &Gate) -> Result<JoinSet<()>, Failure> {
    let mut running = JoinSet::new();
    let folder = data.join(&config.notify.folder);
    for target in targets(data, config)? {
        let (gate, folder) = (gate.clone(), folder.clone());
        running.spawn(async move {
            let name = target.name();
            if let Err(error) = deliver(gate, target, &folder, Arc::new(SystemClock)).await {
                tracing::error!(target_name = name, %error, "nobody is told any more");
            }
        });
    }
    if let Some(collector) = collector(data, &config.otlp)? {
        let (gate, folder) = (gate.clone(), data.join(&config.otlp.folder));
        running.spawn(async move {
            if let Err(error) = export(gate, collector, &folder).await {
                tracing::error!(%error, "the collector is not told any more");
            }
        });
    }
    Ok(running)
}

/// The OpenTelemetry collector of the configuration.
fn collector(data: &Path, settings: &Otlp) -> Result<Option<Collector>, Failure> {
    if settings.endpoint.is_empty() {
        return Ok(None);
    }
    let headers = read_secret(data, &settings.headers_file)?.unwrap_or_default();
    let collector = Collector::new(&settings.endpoint, &headers, &settings.service_name);
    collector.map(Some).map_err(|error| Failure::Usage(error.to_string()))
}

/// Who is told, in a few words: a webhook's host alone, since paths may hold secrets.
pub(crate) fn told(config: &Config) -> Vec<String> {
    let settings = &config.notify;
    let host = |place: &str| place.split('/').nth(2).unwrap_or_default().to_owned();
    let mut told = Vec::new();
    if !settings.webhook.is_empty() {
        told.push(format!("a webhook at {}", host(&settings.webhook)));
    }
    if !settings.slack_file.as_os_str().is_empty() {
        told.push("a Slack channel".to_owned());
    }
    if !settings.smtp.is_empty() {
        told.push(format!("e-mail to {}", settings.mail_to));
    }
    told
}

fn targets(data: &Path, config: &Config) -> Result<Vec<Target>, Failure> {
    let settings = &config.notify;
    let wrong = |error: countersign_notify::NotifyError| Failure::Usage(error.to_string());
    let guard = Guard { private: settings.private_addresses };
    let mut targets = Vec::new();
    if !settings.webhook.is_empty() {
        let secret = read_secret(data, &settings.webhook_secret_file)?.unwrap_or_default();
        targets.push(Target::Webhook(Webhook::new(&settings.webhook, &secret, guard).map_err(wrong)?));
    }
    if let Some(place) = read_secret(data, &settings.slack_file)? {
        targets.push(Target::Slack(Slack::new(&place, guard).map_err(wrong)?));
    }
    if !settings.smtp.is_empty() {
        let mail = MailSettings {
            server: settings.smtp.clone(),
            password: read_secret(data, &settings.smtp_password_file)?,
            from: settings.mail_from.clone(),
            to: settings.mail_to.clone(),
        };
        targets.push(Target::Mail(Mail::new(&mail).map_err(wrong)?));
    }
    Ok(targets)
}

/// What a file of secrets holds that the configuration names. Where every user of the machine may read it, that is said: it
/// may be meant so, as in a container.
pub(crate) fn read_secret(data: &Path, file: &Path) -> Result<Option<String>, Failure> {
    let secret = read(data, file)?;
    let path = data.join(file);
    if secret.is_some() && open_to_all(&path, 0o004) && path.parent().is_some_and(|folder| open_to_all(folder, 0o001)) {
        tracing::warn!(file = %path.display(), "everybody on this machine may read this secret: chmod 600");
    }
    Ok(secret)
}

fn open_to_all(path: &Path, bit: u32) -> bool {
    fs::metadata(path).is_ok_and(|metadata| metadata.permissions().mode() & bit != 0)
}

/// The text of a file that the configuration names, without the line end behind it.
pub(crate) fn read(data: &Path, file: &Path) -> Result<Option<String>, Failure> {
    if file.as_os_str().is_empty() {
        return Ok(None);
    }
    let file = data.join(file);
    Ok(Some(fs::read_to_string(&file).map_err(Failure::file(&file))?.trim().to_owned()))
}
