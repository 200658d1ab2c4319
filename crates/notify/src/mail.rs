//! E-mail by SMTP.

use lettre::message::header::ContentType;
use lettre::message::{Mailbox, MessageBuilder};
use lettre::{AsyncSmtpTransport, AsyncTransport, Tokio1Executor};

use crate::message::Message;
use crate::target::NotifyError;

/// How e-mail is sent.
#[derive(Debug, Clone)]
pub struct MailSettings {
    /// The server: `smtps://host`, `smtp://host:587?tls=required`, or `smtp://host:25` in the clear. It may hold a user.
    pub server: String,
    /// The password of that user.
    pub password: Option<String>,
    /// From whom.
    pub from: String,
    /// To whom, with commas between.
    pub to: String,
}

/// People who are told by e-mail.
pub struct Mail {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
    to: Vec<Mailbox>,
}

impl Mail {
    /// By these settings. Nothing is sent yet.
    ///
    /// # Errors
    /// [`NotifyError::Settings`].
    pub fn new(settings: &MailSettings) -> Result<Self, NotifyError> {
        let wrong = |what: &str, why: &dyn std::fmt::Display| NotifyError::Settings(format!("notify.{what}: {why}"));
        let mailbox = |text: &str| text.trim().parse::<Mailbox>();
        let mut server = url::Url::parse(&settings.server).map_err(|error| wrong("smtp", &error))?;
        if let Some(password) = &settings.password {
            server.set_password(Some(password)).map_err(|()| wrong("smtp", &"it takes no password"))?;
        }
        let transport = AsyncSmtpTransport::<Tokio1Executor>::from_url(server.as_str());
        let transport = transport.map_err(|error| wrong("smtp", &error))?.build();
        let from = mailbox(&settings.from).map_err(|error| wrong("mail_from", &error))?;
        let to: Result<Vec<Mailbox>, _> = settings.to.split(',').map(mailbox).collect();
        Ok(Mail { transport, from, to: to.map_err(|error| wrong("mail_to", &error))? })
    }

    pub(crate) async fn tell(&self, message: &Message) -> Result<(), NotifyError> {
        let data = &message.data;
        let refused = |error: &dyn std::fmt::Display| NotifyError::Refused(error.to_string());
        let until = data.expires_at.map(|end| format!("Not decided by {end} is denied.\n\n")).unwrap_or_default();
        let body = format!("{}\n\n{until}{}\n", data.sentence, data.link);
        let builder: MessageBuilder = lettre::Message::builder().from(self.from.clone()).subject(data.sentence.clone());
        // The same however often it is told: mail programs show it once.
        let builder = builder.message_id(Some(format!("<{}@countersign>", message.id)));
        let builder = self.to.iter().fold(builder, |builder, to| builder.bcc(to.clone()));
        let mail = builder.to(self.from.clone()).header(ContentType::TEXT_PLAIN).body(body);
        let mail = mail.map_err(|error| refused(&error))?;
        self.transport.send(mail).await.map(drop).map_err(|error| refused(&error))
    }
}
