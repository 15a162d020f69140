//! Where a provider's calls may go: https only, to its own hosts and those its file lists, never to a private address.
//! Names are resolved here and the very addresses that were checked are connected to, so that a name that changes its
//! address between check and connection (DNS rebinding) gains nothing.

use super::file::ProviderFile;
use super::template::Text;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;
use url::{Host, Url};

/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_secs(10);
/// Connections that nobody uses are closed after this.
const IDLE: Duration = Duration::from_secs(60);

/// Why a url is not followed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotAllowed {
    /// It is no url.
    #[error("this is no url")]
    NoUrl,
    /// It is not https.
    #[error("the url is not https")]
    NotHttps,
    /// It leads to a host that is not listed.
    #[error("the host {0} is not one of those that the provider's file lists")]
    Host(String),
    /// It leads to an address of a private network.
    #[error("the host has only addresses of private networks")]
    Private,
}

/// The hosts of one provider.
#[derive(Debug, Clone)]
pub struct Hosts {
    /// Stands for every host of the provider, where the operator set it.
    instead: Option<Url>,
    /// The provider's own, from its base and the absolute urls of its file.
    own: Vec<String>,
    /// Further ones, with all names below them.
    listed: Vec<String>,
}

impl Hosts {
    /// Of that file; `instead` is the operator's `<ID>_BASE_URL`.
    #[must_use]
    pub fn new(file: &ProviderFile, instead: Option<Url>) -> Self {
        let mut own: Vec<String> = templates(file).filter_map(host_of).chain(fixed(file)).collect();
        own.sort();
        own.dedup();
        Self { instead, own, listed: file.hosts.clone() }
    }

    /// A url of the file as it is called: below `base`, or absolute; the operator's address in its place.
    ///
    /// # Errors
    /// [`NotAllowed::NoUrl`].
    pub fn own_url(&self, base: &str, filled: &str) -> Result<Url, NotAllowed> {
        let relative = filled.starts_with('/');
        let base = base.trim_end_matches('/');
        let Some(instead) = &self.instead else {
            let whole = if relative { format!("{base}{filled}") } else { filled.to_owned() };
            return Url::parse(&whole).map_err(|_| NotAllowed::NoUrl);
        };
        let path = instead.path().trim_end_matches('/');
        if relative && !path.is_empty() {
            let mut root = instead.clone();
            root.set_query(None);
            root.set_fragment(None);
            return Url::parse(&format!("{}{filled}", root.as_str().trim_end_matches('/')))
                .map_err(|_| NotAllowed::NoUrl);
        }
        let whole = if relative { format!("{base}{filled}") } else { filled.to_owned() };
        let url = Url::parse(&whole).map_err(|_| NotAllowed::NoUrl)?;
        let behind = match url.query() {
            Some(query) => format!("{}?{query}", url.path()),
            None => url.path().to_owned(),
        };
        Url::parse(&format!("{}{behind}", instead.origin().ascii_serialization())).map_err(|_| NotAllowed::NoUrl)
    }

    /// A url that a provider returned, or a redirect, if it may be followed.
    ///
    /// # Errors
    /// Why not.
    pub fn returned(&self, text: &str) -> Result<Url, NotAllowed> {
        let url = Url::parse(text).map_err(|_| NotAllowed::NoUrl)?;
        self.check(&url)?;
        Ok(url)
    }

    /// Whether a returned url may be followed.
    ///
    /// # Errors
    /// Why not.
    pub fn check(&self, url: &Url) -> Result<(), NotAllowed> {
        if self.is_instead(url) {
            return Ok(());
        }
        if url.scheme() != "https" {
            return Err(NotAllowed::NotHttps);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(NotAllowed::NoUrl);
        }
        self.check_address(url)?;
        let host = url.host_str().unwrap_or_default().to_ascii_lowercase();
        let listed = |name: &String| host == *name || host.strip_suffix(name).is_some_and(|rest| rest.ends_with('.'));
        match self.own.contains(&host) || self.listed.iter().any(listed) {
            true => Ok(()),
            false => Err(NotAllowed::Host(host)),
        }
    }

    /// Refuses addresses of private networks that stand in the url itself; names are looked at when they are resolved.
    ///
    /// # Errors
    /// [`NotAllowed::Private`].
    pub fn check_address(&self, url: &Url) -> Result<(), NotAllowed> {
        let public = match url.host() {
            Some(Host::Ipv4(address)) => is_public(IpAddr::V4(address)),
            Some(Host::Ipv6(address)) => is_public(IpAddr::V6(address)),
            Some(Host::Domain(_)) => true,
            None => false,
        };
        if public || self.is_instead(url) { Ok(()) } else { Err(NotAllowed::Private) }
    }

    /// Whether the key may be shown there: to the provider itself, and to names beside its own that its file lists.
    #[must_use]
    pub fn may_see_key(&self, url: &Url) -> bool {
        if self.is_instead(url) {
            return true;
        }
        let Some(host) = url.host_str().map(str::to_ascii_lowercase) else { return false };
        let beside = |own: &String| family(own).is_some_and(|own| family(&host) == Some(own));
        self.check(url).is_ok() && (self.own.contains(&host) || self.own.iter().any(beside))
    }

    fn is_instead(&self, url: &Url) -> bool {
        self.instead.as_ref().is_some_and(|instead| instead.origin() == url.origin())
    }

    /// A client that connects to nothing else.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub fn client(&self, trusted: &[String]) -> Result<reqwest::Client, reqwest::Error> {
        let instead = self.instead.as_ref().and_then(Url::host_str).map(str::to_owned);
        let trusted =
            instead.into_iter().chain(trusted.iter().cloned()).map(|host| host.to_ascii_lowercase()).collect();
        reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT)
            .pool_idle_timeout(IDLE)
            .user_agent(concat!("samovar/", env!("CARGO_PKG_VERSION")))
            .dns_resolver(std::sync::Arc::new(Guard { trusted }))
            .build()
    }
}

/// The last two labels of a name.
fn family(host: &str) -> Option<&str> {
    let last = host.rfind('.')?;
    Some(&host[host[..last].rfind('.').map_or(0, |at| at + 1)..])
}

fn host_of(text: &Text) -> Option<String> {
    let beginning = text.beginning();
    let rest = beginning.strip_prefix("https://")?;
    let whole = rest.contains('/') || text.slots().next().is_none();
    let host = rest.split(['/', '?', ':']).next().unwrap_or_default();
    (whole && !host.is_empty()).then(|| host.to_ascii_lowercase())
}

fn templates(file: &ProviderFile) -> impl Iterator<Item = &Text> {
    let steps = file.ops.values().flat_map(|op| op.steps.iter().chain(&op.upload)).chain(&file.probe);
    std::iter::once(&file.base).chain(steps.map(|step| &step.url))
}

/// The hosts behind which the paths of returned urls are put.
fn fixed(file: &ProviderFile) -> impl Iterator<Item = String> {
    let steps = file.ops.values().flat_map(|op| op.steps.iter().chain(&op.upload));
    let urls = steps.flat_map(|step| &step.extract).filter_map(|extract| Url::parse(extract.url_path.as_deref()?).ok());
    urls.filter_map(|url| url.host_str().map(str::to_ascii_lowercase))
}

/// Resolves names, and leaves out addresses of private networks.
struct Guard {
    trusted: Vec<String>,
}

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let name = name.as_str().to_ascii_lowercase();
        let trusted = self.trusted.contains(&name);
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            let allowed: Vec<SocketAddr> =
                found.iter().copied().filter(|address| trusted || is_public(address.ip())).collect();
            if allowed.is_empty() && !found.is_empty() {
                return Err(NotAllowed::Private.into());
            }
            Ok(Box::new(allowed.into_iter()) as Addrs)
        })
    }
}

/// Whether an address is one of the public internet.
#[must_use]
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let reserved = a == 0
        || a >= 224
        || (a == 100 && (64..128).contains(&b))
        || (a == 192 && b == 0 && c == 0)
        || (a == 192 && b == 88 && c == 99)
        || (a == 198 && (18..20).contains(&b));
    !(reserved
        || address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_documentation())
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let parts = address.segments();
    let embedded = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        is_public_v4(Ipv4Addr::new(a, b, c, d))
    };
    match parts {
        [0, 0, 0, 0, 0, 0xffff, high, low] => embedded(high, low),
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => embedded(high, low),
        [0x2002, high, low, ..] => embedded(high, low),
        [0x2001, 0xdb8, ..] | [0x2001, 0..=0x1ff, ..] | [0x3fff, ..] => false,
        // Only 2000::/3 is given out for the public internet.
        [first, ..] => first & 0xe000 == 0x2000,
    }
}

#[cfg(test)]
mod tests {
    use super::super::file::parse;
    use super::*;

    fn hosts(instead: Option<&str>) -> Hosts {
        let text = "id = \"tea\"\nbase = \"https://api.tea.example/v1\"\nkeys = []\nauth = { in = \"none\" }\n\
            hosts = [\"cdn.example\"]\nprobe = { url = \"https://other.example/me\" }\n";
        let file = parse(text, "tea", &|_| None).expect("a file");
        Hosts::new(&file, instead.map(|url| url.parse().unwrap()))
    }

    #[test]
    fn urls_lead_only_where_the_file_says() {
        let hosts = hosts(None);
        for fine in ["https://api.tea.example/x", "https://cdn.example/x", "https://a.cdn.example:8443/x"] {
            assert!(hosts.returned(fine).is_ok(), "{fine}");
        }
        let wrong = [
            "http://cdn.example/x",
            "https://xcdn.example/",
            "https://cdn.example.evil.example/",
            "https://127.0.0.1/",
            "https://[::1]/",
            "https://key@cdn.example/",
            "file:///etc/passwd",
            "data:text/plain,x",
            "//cdn.example/",
            "https://0x7f.1/",
            "",
        ];
        for url in wrong {
            assert!(hosts.returned(url).is_err(), "{url}");
        }
        assert!(hosts.returned("https://other.example/").is_ok());
    }

    #[test]
    fn the_key_goes_to_the_provider_and_its_family_only() {
        let hosts = hosts(None);
        let may = |url: &str| hosts.may_see_key(&url.parse().unwrap());
        assert!(may("https://api.tea.example/x") && may("https://other.example/"));
        assert!(!may("https://cdn.example/x") && !may("https://eu.tea.example/") && !may("http://api.tea.example/"));
    }

    #[test]
    fn the_operators_address_stands_for_every_host() {
        let url = |instead: Option<&str>, filled: &str| hosts(instead).own_url("https://api.tea.example/v1", filled);
        let text = |instead, filled| url(instead, filled).expect("a url").to_string();
        assert_eq!(text(None, "/m?x=1"), "https://api.tea.example/v1/m?x=1");
        assert_eq!(text(Some("http://localhost:9"), "/m"), "http://localhost:9/v1/m");
        assert_eq!(text(Some("http://localhost:9/api/"), "/m"), "http://localhost:9/api/m");
        assert_eq!(text(Some("http://localhost:9/api"), "https://other.example/me?a"), "http://localhost:9/me?a");
        let here = hosts(Some("http://127.0.0.1:9"));
        assert!(
            here.returned("http://127.0.0.1:9/file").is_ok()
                && here.may_see_key(&"http://127.0.0.1:9/".parse().unwrap())
        );
        assert_eq!(here.returned("http://127.0.0.1:10/file"), Err(NotAllowed::NotHttps));
        assert_eq!(here.returned("https://127.0.0.1:10/file"), Err(NotAllowed::Private));
    }

    #[test]
    fn private_addresses_are_known_in_every_form() {
        let private = [
            "127.0.0.1",
            "10.1.2.3",
            "192.168.0.1",
            "172.16.0.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "224.0.0.1",
            "255.255.255.255",
            "198.18.0.1",
            "192.0.2.1",
            "::1",
            "::",
            "fe80::1",
            "fd00::1",
            "ff02::1",
            "::ffff:10.0.0.1",
            "64:ff9b::a00:1",
            "2002:a00:1::",
            "2001:db8::1",
            "2001::1",
            "::7f00:1",
        ];
        for address in private {
            assert!(!is_public(address.parse().unwrap()), "{address}");
        }
        for address in ["1.1.1.1", "93.184.216.34", "2606:4700::1111", "::ffff:1.1.1.1", "64:ff9b::101:101"] {
            assert!(is_public(address.parse().unwrap()), "{address}");
        }
    }

    #[tokio::test]
    async fn a_name_with_a_private_address_is_not_connected_to() {
        let client = hosts(None).client(&[]).unwrap();
        let error = client.get("https://localhost:9/").send().await.expect_err("refused");
        let mut cause: Option<&dyn std::error::Error> = Some(&error);
        let mut private = false;
        while let Some(error) = cause {
            private |= error.downcast_ref() == Some(&NotAllowed::Private);
            cause = error.source();
        }
        assert!(private, "{error:?}");
    }
}
