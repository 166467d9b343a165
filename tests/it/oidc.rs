//! Signing in by a directory, against a small provider that signs with real keys: who gets in, and
//! which of all the ways to forge an answer lets anybody in?
//!
//! ```text
//! this test as the browser ─► siaga serve ─► /.well-known, /keys, /token ─► the provider below
//! ```

use std::collections::BTreeMap;
use std::io::BufRead;
use std::io::BufReader;
use std::io::Read;
use std::io::Write;
use std::net::TcpListener;
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use aws_lc_rs::digest;
use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature;
use aws_lc_rs::signature::EcdsaKeyPair;
use aws_lc_rs::signature::KeyPair as _;
use aws_lc_rs::signature::RsaKeyPair;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use serde_json::json;
use siaga::access::Access;
use siaga::access::AccessConfig;
use siaga::access::account::New;
use siaga::access::role::Role;
use siaga::time;

use crate::browser::Running;

const SECRET: &str = "a secret: with % signs";

/// Keys that the provider has, and one that it has not.
struct Keys {
    rsa: RsaKeyPair,
    curve: EcdsaKeyPair,
    foreign: EcdsaKeyPair,
}

/// What a token is signed with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Signed {
    Rsa,
    Curve,
    /// By a key of somebody else, under the name of the provider's.
    Foreign,
    /// By a key that the provider has from now on.
    Rotated,
    /// By the public half of the provider's key, as if it were a password.
    Public,
    Nothing,
}

/// What the provider does with the next code.
#[derive(Clone)]
struct Script {
    signed: Signed,
    change: fn(&mut Value),
}

#[derive(Default)]
struct Begun {
    nonce: String,
    challenge: String,
    redirect: String,
}

struct Provider {
    address: String,
    keys: Keys,
    script: Mutex<Script>,
    begun: Mutex<Begun>,
    /// Names under which the curve's key is known.
    names: Mutex<Vec<&'static str>>,
}

fn encoded(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

impl Provider {
    fn start() -> Arc<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let curve = || EcdsaKeyPair::generate(&signature::ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        let rsa = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
        let provider = Arc::new(Self {
            address: format!("http://{}", listener.local_addr().unwrap()),
            keys: Keys { rsa, curve: curve(), foreign: curve() },
            script: Mutex::new(Script { signed: Signed::Rsa, change: |_| () }),
            begun: Mutex::default(),
            names: Mutex::new(vec!["curve"]),
        });
        let serving = Arc::clone(&provider);
        std::thread::spawn(move || {
            for socket in listener.incoming().flatten() {
                let _ = serving.answer(&socket);
            }
        });
        provider
    }

    fn answer(&self, mut socket: &TcpStream) -> Option<()> {
        let mut reader = BufReader::new(socket);
        let (mut first, mut line, mut length) = (String::new(), String::new(), 0);
        let mut credentials = String::new();
        reader.read_line(&mut first).ok()?;
        while reader.read_line(&mut line).ok()? > 2 {
            let (name, value) = line.trim().split_once(": ")?;
            match name.to_ascii_lowercase().as_str() {
                "content-length" => length = value.parse().ok()?,
                "authorization" => value.clone_into(&mut credentials),
                _ => {}
            }
            line.clear();
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).ok()?;
        let at = &self.address;
        let (status, told) = match first.split(' ').nth(1)? {
            "/.well-known/openid-configuration" => {
                let told = json!({
                    "issuer": at, "authorization_endpoint": format!("{at}/authorize?tenant=1"),
                    "token_endpoint": format!("{at}/token"), "jwks_uri": format!("{at}/keys"),
                });
                (200, told)
            }
            "/keys" => (200, self.published()),
            "/token" => self.exchange(&credentials, &String::from_utf8(body).ok()?),
            _ => (404, json!({})),
        };
        let told = told.to_string();
        let head = format!("HTTP/1.1 {status} Said\r\ncontent-length: {}\r\n", told.len());
        socket.write_all(format!("{head}connection: close\r\n\r\n{told}").as_bytes()).ok()
    }

    fn published(&self) -> Value {
        let point = self.keys.curve.public_key().as_ref();
        let curve = |name: &&str| {
            json!({"kty": "EC", "crv": "P-256", "use": "sig", "kid": name,
                "x": encoded(&point[1..33]), "y": encoded(&point[33..])})
        };
        // A key as PKCS #1 has it: lengths before the modulus, the exponent 65,537 behind it.
        let (modulus, exponent) = (&self.keys.rsa.public_key().as_ref()[9..265], [1, 0, 1]);
        let rsa = json!({"kty": "RSA", "use": "sig", "kid": "rsa", "alg": "RS256",
            "n": encoded(modulus), "e": encoded(exponent)});
        let unknown = json!({"kty": "new", "kid": "of a kind to come"});
        let curves = self.names.lock().unwrap().iter().map(curve).collect::<Vec<_>>();
        let keys = [vec![rsa, unknown], curves].concat();
        json!({"keys": keys})
    }

    fn exchange(&self, credentials: &str, body: &str) -> (u16, Value) {
        let form = query(body);
        let begun = std::mem::take(&mut *self.begun.lock().unwrap());
        let proof = encoded(digest::digest(&digest::SHA256, form["code_verifier"].as_bytes()));
        let user = STANDARD.encode("siaga:a%20secret%3A%20with%20%25%20signs");
        let is_ours = credentials == format!("Basic {user}")
            && form["grant_type"] == "authorization_code"
            && form["code"] == "the code"
            && form["redirect_uri"] == begun.redirect
            && proof == begun.challenge;
        if !is_ours {
            return (400, json!({"error": "invalid_grant"}));
        }
        let Script { signed, change } = self.script.lock().unwrap().clone();
        let now = time::now().millis() / 1_000;
        let mut claims = json!({
            "iss": self.address, "sub": "7", "aud": "siaga", "iat": now, "exp": now + 300,
            "nonce": begun.nonce, "email": "Maya@Example.com", "email_verified": true,
        });
        change(&mut claims);
        if signed == Signed::Rotated {
            self.names.lock().unwrap().push("rotated");
        }
        (200, json!({"token_type": "Bearer", "id_token": self.token(signed, &claims)}))
    }

    fn token(&self, signed: Signed, claims: &Value) -> String {
        let header = match signed {
            Signed::Rsa => json!({"alg": "RS256", "kid": "rsa"}),
            Signed::Curve | Signed::Foreign => json!({"alg": "ES256", "kid": "curve"}),
            Signed::Rotated => json!({"alg": "ES256", "kid": "rotated"}),
            Signed::Public => json!({"alg": "HS256", "kid": "rsa"}),
            Signed::Nothing => json!({"alg": "none"}),
        };
        let text = format!("{}.{}", encoded(header.to_string()), encoded(claims.to_string()));
        let (random, bytes) = (SystemRandom::new(), text.as_bytes());
        let keys = &self.keys;
        let signature = match signed {
            Signed::Rsa => {
                let mut signed = vec![0; keys.rsa.public_modulus_len()];
                let padding = &signature::RSA_PKCS1_SHA256;
                keys.rsa.sign(padding, &random, bytes, &mut signed).unwrap();
                signed
            }
            Signed::Curve | Signed::Rotated => {
                keys.curve.sign(&random, bytes).unwrap().as_ref().to_vec()
            }
            Signed::Foreign => keys.foreign.sign(&random, bytes).unwrap().as_ref().to_vec(),
            Signed::Public => {
                let key = hmac::Key::new(hmac::HMAC_SHA256, keys.rsa.public_key().as_ref());
                hmac::sign(&key, bytes).as_ref().to_vec()
            }
            Signed::Nothing => Vec::new(),
        };
        format!("{text}.{}", encoded(signature))
    }
}

/// The pairs of a query or a form.
fn query(text: &str) -> BTreeMap<String, String> {
    let decoded = |part: &str| {
        let (mut bytes, mut rest) = (Vec::new(), part.bytes());
        while let Some(byte) = rest.next() {
            let mut digit = || char::from(rest.next().unwrap()).to_digit(16).unwrap();
            bytes.push(match byte {
                b'%' => u8::try_from(digit() * 16 + digit()).unwrap(),
                b'+' => b' ',
                plain => plain,
            });
        }
        String::from_utf8(bytes).unwrap()
    };
    let pairs = text.split('&').filter_map(|pair| pair.split_once('='));
    pairs.map(|(name, value)| (decoded(name), decoded(value))).collect()
}

/// An answer: its status, its headers as they stand, its body.
struct Answer {
    status: u16,
    head: String,
    body: String,
}

impl Answer {
    fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// The value of a cookie that is set.
    fn cookie(&self, name: &str) -> Option<String> {
        let lines = self.head.lines().filter_map(|line| line.strip_prefix("set-cookie: "));
        let mut set = lines.filter_map(|line| line.split(';').next()?.split_once('='));
        let (_, value) = set.find(|(known, value)| *known == name && !value.is_empty())?;
        Some(value.to_owned())
    }
}

fn get(host: &str, path: &str, cookie: &str) -> Answer {
    let mut socket = TcpStream::connect(host).unwrap();
    let cookie = if cookie.is_empty() { String::new() } else { format!("cookie: {cookie}\r\n") };
    write!(socket, "GET {path} HTTP/1.0\r\nhost: {host}\r\n{cookie}\r\n").unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Answer { status, head: head.to_owned(), body: body.to_owned() }
}

/// The program with accounts that have no password.
fn serve(folder: &Path, provider: &Provider) -> (Running, String) {
    let data = folder.join("data");
    std::fs::create_dir(&data).unwrap();
    let access = Access::open(&data.join(Access::FILE), AccessConfig::default()).unwrap();
    for name in ["maya@example.com", "barred@example.com"] {
        let new = New { name, role: Role::Rep, person: Some("r1") };
        access.add_account("test", new, None).unwrap();
    }
    access.set_disabled("test", "barred@example.com", true).unwrap();
    drop(access);
    std::fs::write(folder.join("secret"), format!("{SECRET}\n")).unwrap();
    let mut program = Command::new(env!("CARGO_BIN_EXE_siaga"))
        .arg("serve")
        .current_dir(folder)
        .env("SIAGA_HTTP_LISTEN", "127.0.0.1:0")
        .env("SIAGA_STORAGE_DATA_DIR", data)
        .env("SIAGA_OIDC_ISSUER", &provider.address)
        .env("SIAGA_OIDC_CLIENT_ID", "siaga")
        .env("SIAGA_OIDC_CLIENT_SECRET_FILE", folder.join("secret"))
        .env("SIAGA_LOG", "off")
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(program.stderr.take().unwrap()).lines().map_while(Result::ok);
    let host = lines.find_map(|line| line.strip_prefix("siaga: open http://").map(str::to_owned));
    std::thread::spawn(move || lines.for_each(drop));
    (Running(program), host.expect("the program tells where it is"))
}

/// Goes the way of a browser to the provider; the cookie it was given, and the state.
fn begin(host: &str, provider: &Provider) -> (String, String) {
    let page = get(host, "/sign-in?next=%2F%3Fstate%3Dclosed", "");
    let link = page.body.split("href=\"").find_map(|part| part.strip_prefix("/sign-in/oidc?"));
    let link = link.expect("a button").split('"').next().unwrap();
    let led = get(host, &format!("/sign-in/oidc?{link}"), "");
    assert_eq!(led.status, 303, "{}", led.body);
    let to = led.header("location").unwrap();
    let asked = to.strip_prefix(&format!("{}/authorize?tenant=1&", provider.address)).unwrap();
    let asked = query(asked);
    for (name, want) in [
        ("response_type", "code"),
        ("client_id", "siaga"),
        ("scope", "openid email"),
        ("code_challenge_method", "S256"),
        ("redirect_uri", &format!("http://{host}/sign-in/oidc/callback")),
    ] {
        assert_eq!(asked[name], want, "{name}");
    }
    let part = |name: &str| asked[name].clone();
    let (nonce, challenge) = (part("nonce"), part("code_challenge"));
    *provider.begun.lock().unwrap() = Begun { nonce, challenge, redirect: part("redirect_uri") };
    (format!("siaga_oidc={}", led.cookie("siaga_oidc").unwrap()), part("state"))
}

fn come_back(host: &str, cookie: &str, state: &str) -> Answer {
    let path = format!("/sign-in/oidc/callback?code=the%20code&state={state}");
    get(host, &path, cookie)
}

/// A change of what the provider says.
type Change = fn(&mut Value);

const AS_IT_IS: Change = |_| ();
const BAD: &str = "cannot be trusted";

fn without(claims: &mut Value, name: &str) {
    claims.as_object_mut().unwrap().remove(name);
}

/// Tokens, and what whoever brings one is told; nothing where it lets in.
const TOKENS: &[(&str, Signed, Change, &str)] = &[
    ("as it should be", Signed::Rsa, AS_IT_IS, ""),
    ("by another key", Signed::Curve, AS_IT_IS, ""),
    ("by a key that is new", Signed::Rotated, AS_IT_IS, ""),
    (
        "for others too, given to us",
        Signed::Rsa,
        |c| {
            c["aud"] = json!(["siaga", "crm"]);
            c["azp"] = json!("siaga");
        },
        "",
    ),
    ("by a key of nobody", Signed::Foreign, AS_IT_IS, BAD),
    ("by what everybody knows", Signed::Public, AS_IT_IS, BAD),
    ("by nothing", Signed::Nothing, AS_IT_IS, BAD),
    ("of another sign-in", Signed::Rsa, |c| c["nonce"] = json!("other"), BAD),
    ("without a sign-in", Signed::Rsa, |c| without(c, "nonce"), BAD),
    ("for somebody else", Signed::Rsa, |c| c["aud"] = json!("crm"), BAD),
    ("given to somebody else", Signed::Rsa, |c| c["azp"] = json!("crm"), BAD),
    ("for several, given to nobody", Signed::Rsa, |c| c["aud"] = json!(["siaga", "crm"]), BAD),
    ("of another provider", Signed::Rsa, |c| c["iss"] = json!("https://evil.example"), BAD),
    ("too late", Signed::Rsa, |c| c["exp"] = json!(1_700_000_000), BAD),
    ("without an end", Signed::Rsa, |c| without(c, "exp"), BAD),
    (
        "of an address that is not verified",
        Signed::Rsa,
        |c| c["email_verified"] = json!(false),
        BAD,
    ),
    ("of an address of which nothing is said", Signed::Rsa, |c| without(c, "email_verified"), BAD),
    ("without a name", Signed::Rsa, |c| without(c, "email"), BAD),
    ("of a stranger", Signed::Rsa, |c| c["email"] = json!("eve@example.com"), "no account here"),
    (
        "of one who is kept out",
        Signed::Rsa,
        |c| c["email"] = json!("barred@example.com"),
        "no account here",
    ),
    (
        "of a name that is none",
        Signed::Rsa,
        |c| c["email"] = json!("<b>' OR 1=1"),
        "no account here",
    ),
];

#[test]
fn the_directory_lets_in_whom_it_names_and_no_forger() {
    let provider = Provider::start();
    let folder = tempfile::tempdir().unwrap();
    let (_program, host) = serve(folder.path(), &provider);
    std::thread::sleep(Duration::from_millis(10));
    for &(what, signed, change, want) in TOKENS {
        *provider.script.lock().unwrap() = Script { signed, change };
        let (cookie, state) = begin(&host, &provider);
        let answer = come_back(&host, &cookie, &state);
        let session = answer.cookie("siaga_session");
        assert_eq!(session.is_some(), want.is_empty(), "{what}: {}", answer.body);
        assert!(
            answer.body.contains(want) && !answer.body.contains("<b>'"),
            "{what}: {}",
            answer.body
        );
        if let Some(session) = session {
            assert_eq!(answer.header("location"), Some("/?state=closed"), "{what}");
            let inbox = get(&host, "/", &format!("siaga_session={session}"));
            assert_eq!(inbox.status, 200);
            assert!(inbox.body.contains("<b>maya@example.com</b>"), "{}", inbox.body);
        }
    }

    // A code that was begun in another browser, or none, or used: nobody gets in by it.
    *provider.script.lock().unwrap() = Script { signed: Signed::Rsa, change: AS_IT_IS };
    let (cookie, state) = begin(&host, &provider);
    let (other, _) = begin(&host, &provider);
    for (cookie, state) in [
        (other.as_str(), state.as_str()),
        ("", &state),
        ("siaga_oidc=nonsense", &state),
        (&cookie, "x"),
    ] {
        let answer = come_back(&host, cookie, state);
        assert_eq!((answer.status, answer.cookie("siaga_session")), (401, None), "{cookie}");
        assert!(answer.body.contains("begun elsewhere"), "{}", answer.body);
    }
    let (cookie, state) = begin(&host, &provider);
    assert_eq!(come_back(&host, &cookie, &state).status, 303);
    let again = come_back(&host, &cookie, &state);
    assert!(again.body.contains("did not sign you in: invalid_grant"), "{}", again.body);
    let refused = get(&host, "/sign-in/oidc/callback?error=access_denied", &cookie);
    assert!(refused.body.contains("access_denied"), "{}", refused.body);
    let led = get(&host, "/sign-in/oidc?next=https://evil.example", "");
    let next = led.cookie("siaga_oidc").unwrap();
    assert_eq!(next.split_once('.').unwrap().1, encoded("/"), "to no other site");
}
