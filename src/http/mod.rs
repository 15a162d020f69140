//! The HTTP door.

pub mod auth;

use auth::ApiKey;
use std::net::SocketAddr;
use url::Url;

/// Where the door is and who may come in.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Address to listen on. Without any key it must be a loopback one.
    pub listen: SocketAddr,
    /// Base of the links given out; without one, what the request was sent to.
    pub public_url: Option<Url>,
    /// Who may come in. Empty: whoever sits at this machine, as an admin.
    pub api_keys: Vec<ApiKey>,
}
