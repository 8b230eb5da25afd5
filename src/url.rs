//! The URLs of the command line tools and of the bindings: `nfs://server:port/path/file?argument=value&...`.
//!
//! Only text is handled here. The form is that of RFC 2224 without user, plus arguments, which
//! [`Settings::apply`](crate::client::Settings::apply) understands.

use std::net::Ipv6Addr;

use crate::error::{Error, Result};

const SCHEME: &[u8] = b"nfs://";

/// What a URL has to name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Server, directory and file: the last slash separates the last two.
    Full,
    /// Server and directory.
    Directory,
    /// Like `Full`, but whatever is missing at the end is None.
    Incomplete,
}

/// How a URL is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Syntax {
    /// As libnfs 4.0 does: percent signs are as any other character, and the server's name ends at a slash.
    Plain,
    /// As libnfs 5.0 does: percent escapes are decoded, and a port may follow the server.
    Escaped,
}

/// Names and values in the order of the URL. An argument without `=` has no value.
pub type Arguments = Vec<(Vec<u8>, Option<Vec<u8>>)>;

/// The parts of a URL. No part contains a NUL byte.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Url {
    /// Name or address; an IPv6 address in brackets if the URL has them. None only in the incomplete form.
    pub server: Option<Vec<u8>>,
    /// Begins with a slash, or is empty when the file lies in the root.
    pub path: Option<Vec<u8>>,
    /// Begins with a slash.
    pub file: Option<Vec<u8>>,
    /// The port behind the server is the first one, as `nfsport`.
    pub arguments: Arguments,
}

/// Bytes of a URL. One that separates arguments, and was an escape, has [`ESCAPED`] added: it separates nothing.
type Text = [u16];

const ESCAPED: u16 = 0x100;

const SLASH: u16 = b'/' as u16;
const COLON: u16 = b':' as u16;
const QUESTION_MARK: u16 = b'?' as u16;

impl Url {
    /// Takes a URL apart.
    pub fn parse(url: &[u8], form: Form, syntax: Syntax) -> Result<Self> {
        if url.contains(&0) {
            return Err(invalid(url, "contains a NUL byte"));
        }
        let rest = url.strip_prefix(SCHEME).ok_or_else(|| invalid(url, "does not begin with nfs://"))?;
        let rest = &match syntax {
            Syntax::Plain => rest.iter().map(|&byte| byte.into()).collect(),
            Syntax::Escaped => unescape(rest),
        };
        let slash = rest.iter().position(|&byte| byte == SLASH);
        let nameless = matches!(rest.first(), None | Some(&(SLASH | QUESTION_MARK)));
        let Some(slash) = slash.filter(|_| !nameless) else {
            if form != Form::Incomplete {
                return Err(invalid(url, "needs a server and a path"));
            }
            let (server, arguments) = cut_arguments(rest);
            return Ok(Self { arguments, ..Self::default() }.with_server(server, syntax));
        };
        let (server, path) = rest.split_at(slash);
        // A question mark belongs to the path when a slash follows and the last slash is what counts: files may
        // lie in directories with question marks in their names.
        let (path, file) = match path.iter().rposition(|&byte| byte == SLASH) {
            Some(slash) if form != Form::Directory => (&path[..slash], Some(&path[slash..])),
            _ => (path, None),
        };
        let (path, file, arguments) = match file {
            Some(file) => {
                let (file, arguments) = cut_arguments(file);
                (path, Some(file), arguments)
            }
            None => {
                let (path, arguments) = cut_arguments(path);
                (path, None, arguments)
            }
        };
        let parts = Self { server: None, path: Some(bytes(path)), file: file.map(bytes), arguments };
        let parts = parts.with_server(server, syntax);
        if parts.server.is_none() && form != Form::Incomplete {
            return Err(invalid(url, "has no server"));
        }
        Ok(parts)
    }

    /// Adds what stands in front of the path: a server, and perhaps its port.
    fn with_server(mut self, text: &Text, syntax: Syntax) -> Self {
        let (server, port) = match syntax {
            Syntax::Plain => (text, None),
            Syntax::Escaped => cut_port(text),
        };
        self.server = Some(bytes(server)).filter(|server| !server.is_empty() && server != b"/");
        if let Some(port) = port {
            self.arguments.insert(0, (b"nfsport".to_vec(), Some(bytes(port))));
        }
        self
    }
}

/// Splits a port off behind the first colon that does not belong to an IPv6 address: one in brackets, or one that
/// nothing follows.
fn cut_port(text: &Text) -> (&Text, Option<&Text>) {
    let address_end = match text.first() {
        Some(&first) if first == u16::from(b'[') => text.iter().position(|&byte| byte == u16::from(b']')),
        _ if is_ipv6_address(text) => Some(text.len()),
        _ => None,
    };
    let start = address_end.unwrap_or(0).min(text.len());
    match text[start..].iter().position(|&byte| byte == COLON) {
        Some(colon) => (&text[..start + colon], Some(&text[start + colon + 1..])),
        None => (text, None),
    }
}

/// Also one with a zone behind a percent sign.
fn is_ipv6_address(text: &Text) -> bool {
    let address = bytes(text.split(|&byte| byte == u16::from(b'%')).next().unwrap_or_default());
    std::str::from_utf8(&address).is_ok_and(|address| address.parse::<Ipv6Addr>().is_ok())
}

/// Splits at the first question mark, and what follows it at `&` and `=`.
fn cut_arguments(text: &Text) -> (&Text, Arguments) {
    let Some(mark) = text.iter().position(|&byte| byte == QUESTION_MARK) else {
        return (text, Vec::new());
    };
    let arguments = text[mark + 1..]
        .split(|&byte| byte == u16::from(b'&'))
        .filter(|argument| !argument.is_empty())
        .map(|argument| match argument.iter().position(|&byte| byte == u16::from(b'=')) {
            Some(sign) => (bytes(&argument[..sign]), Some(bytes(&argument[sign + 1..]))),
            None => (bytes(argument), None),
        })
        .collect();
    (&text[..mark], arguments)
}

/// Replaces percent escapes. What is not an escape, and `%00`, stays.
fn unescape(text: &[u8]) -> Vec<u16> {
    let mut plain = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&first, tail)) = rest.split_first() {
        match (first, tail) {
            (b'%', &[high, low, ref tail @ ..]) if escaped(high, low).is_some_and(|byte| byte != 0) => {
                // A slash or a colon separates as if it were not escaped, as in libnfs.
                plain.extend(escaped(high, low).map(|byte| match byte {
                    b'?' | b'&' | b'=' => ESCAPED + u16::from(byte),
                    _ => byte.into(),
                }));
                rest = tail;
            }
            _ => {
                plain.push(first.into());
                rest = tail;
            }
        }
    }
    plain
}

fn escaped(high: u8, low: u8) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    u8::try_from(digit(high)? << 4 | digit(low)?).ok()
}

fn bytes(text: &Text) -> Vec<u8> {
    text.iter().map(|&byte| (byte % ESCAPED) as u8).collect()
}

fn invalid(url: &[u8], why: &str) -> Error {
    Error::new(libc::EINVAL, format!("the URL {:?} {why}", String::from_utf8_lossy(url)))
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    /// The parts as text, `-` for what is missing.
    fn parts(url: &str, form: Form, syntax: Syntax) -> Option<String> {
        let url = Url::parse(url.as_bytes(), form, syntax).ok()?;
        let text = |part: Option<Vec<u8>>| {
            part.map_or("-".into(), |part| String::from_utf8_lossy(&part).into_owned())
        };
        let arguments = url.arguments.iter().map(|(name, value)| {
            let value = value.as_ref().map(|value| format!("={}", String::from_utf8_lossy(value)));
            format!(" {}{}", String::from_utf8_lossy(name), value.unwrap_or_default())
        });
        Some([text(url.server), text(url.path), text(url.file)].join(" ") + &arguments.collect::<String>())
    }

    #[test]
    fn parts_of_each_form() {
        use Form::{Directory, Full, Incomplete};
        for (url, form, expected) in [
            ("nfs://server/a/b/c", Full, Some("server /a/b /c")),
            ("nfs://server/a/b/c", Directory, Some("server /a/b/c -")),
            ("nfs://server/a/b/c", Incomplete, Some("server /a/b /c")),
            ("nfs://server/a/b/", Full, Some("server /a/b /")),
            ("nfs://server/f", Full, Some("server  /f")),
            ("nfs://server/", Full, Some("server  /")),
            ("nfs://server/", Directory, Some("server / -")),
            ("nfs://server//a//b", Full, Some("server //a/ /b")),
            ("nfs://server", Full, None),
            ("nfs://server", Directory, None),
            ("nfs://server", Incomplete, Some("server - -")),
            ("nfs://server?uid=1", Full, None),
            ("nfs://server?uid=1", Incomplete, Some("server - - uid=1")),
            ("nfs://", Full, None),
            ("nfs://", Incomplete, Some("- - -")),
            ("nfs:///", Incomplete, Some("- - -")),
            ("nfs:///a/b", Full, None),
            ("nfs:///a/b", Incomplete, Some("/a/b - -")),
            ("nfs://?uid=1/a/b", Full, None),
            ("nfs://h/a/b", Full, Some("h /a /b")),
            ("nfs://user@server/a/b", Full, Some("user@server /a /b")),
            ("nfs:/server/a", Full, None),
            ("NFS://server/a", Full, None),
            ("http://server/a", Incomplete, None),
            ("", Incomplete, None),
            ("nfs://server/a/b?", Full, Some("server /a /b")),
            ("nfs://server/a/b?uid=1&&gid=2&", Full, Some("server /a /b uid=1 gid=2")),
            ("nfs://server/a/b?x&=1&y==&z?", Directory, Some("server /a/b - x =1 y== z?")),
            ("nfs://server/a?b/c?uid=1", Full, Some("server /a?b /c uid=1")),
            ("nfs://server/a?b=/c/d", Directory, Some("server /a - b=/c/d")),
            ("nfs://server?x=/a/b", Full, Some("server?x= /a /b")),
            ("nfs://[::1]/a/b", Full, Some("[::1] /a /b")),
        ] {
            for syntax in [Syntax::Plain, Syntax::Escaped] {
                assert_eq!(parts(url, form, syntax).as_deref(), expected, "{form:?} {syntax:?} {url}");
            }
        }
    }

    #[test]
    fn without_escapes_and_ports() {
        use Form::{Directory, Full};
        for (url, form, expected) in [
            ("nfs://server/a%20b/%41%2f%3f", Full, "server /a%20b /%41%2f%3f"),
            ("nfs://s%41:1/a?if=%41", Directory, "s%41:1 /a - if=%41"),
            ("nfs://[::1]:2049/a/b", Directory, "[::1]:2049 /a/b -"),
            ("nfs://:1/a", Directory, ":1 /a -"),
        ] {
            assert_eq!(parts(url, form, Syntax::Plain).as_deref(), Some(expected), "{form:?} {url}");
        }
    }

    #[test]
    fn with_escapes_and_ports() {
        use Form::{Directory, Full, Incomplete};
        for (url, form, expected) in [
            ("nfs://server/a%20b/%41%3f", Full, Some("server /a b /A?")),
            ("nfs://server/a%2fb%2Fc", Full, Some("server /a/b /c")),
            ("nfs://server/a%3fb/c%3Fd?x%3dy=%26%41", Directory, Some("server /a?b/c?d - x=y=&A")),
            ("nfs://server/%/%4/%zz/%00/%e", Directory, Some("server /%/%4/%zz/%00/%e -")),
            ("nfs://server/a%252fb/%25", Full, Some("server /a%2fb /%")),
            ("nfs://s%41/a?if=%41", Directory, Some("sA /a - if=A")),
            ("nfs://server%2fa/b", Full, Some("server /a /b")),
            ("nfs://server:2049/a/b", Full, Some("server /a /b nfsport=2049")),
            ("nfs://server%3a20/a/b?nfsport=1", Full, Some("server /a /b nfsport=20 nfsport=1")),
            ("nfs://server:2049/f", Full, Some("server  /f nfsport=2049")),
            ("nfs://server:/a", Directory, Some("server /a - nfsport=")),
            ("nfs://server:1:2/a", Directory, Some("server /a - nfsport=1:2")),
            ("nfs://server/a:1/b:2?x=c:3", Full, Some("server /a:1 /b:2 x=c:3")),
            ("nfs://user@server:20/a", Directory, Some("user@server /a - nfsport=20")),
            ("nfs://server:2049", Incomplete, Some("server - - nfsport=2049")),
            ("nfs://server:2049?uid=1", Incomplete, Some("server - - nfsport=2049 uid=1")),
            ("nfs://[::1]:2049/a/b", Directory, Some("[::1] /a/b - nfsport=2049")),
            ("nfs://[::1]:2049", Incomplete, Some("[::1] - - nfsport=2049")),
            ("nfs://[fe80::1%25eth0]:20/a", Directory, Some("[fe80::1%eth0] /a - nfsport=20")),
            ("nfs://[fe80::1%25eth0]/a", Directory, Some("[fe80::1%eth0] /a -")),
            ("nfs://[fe80::1%lo]/a", Directory, Some("[fe80::1%lo] /a -")),
            ("nfs://fe80::1%25eth0/a", Directory, Some("fe80::1%eth0 /a -")),
            ("nfs://::1/a", Directory, Some("::1 /a -")),
            ("nfs://[::1/a", Directory, Some("[ /a - nfsport=:1")),
            ("nfs://]:1/a", Directory, Some("] /a - nfsport=1")),
            ("nfs://:2049/a/b", Full, None),
            ("nfs://:2049/a/b", Directory, None),
            ("nfs://:2049/a/b", Incomplete, Some("- /a /b nfsport=2049")),
            ("nfs://:2049", Incomplete, Some("- - - nfsport=2049")),
        ] {
            assert_eq!(parts(url, form, Syntax::Escaped).as_deref(), expected, "{form:?} {url}");
        }
    }

    fn form() -> impl Strategy<Value = Form> {
        prop_oneof![Just(Form::Full), Just(Form::Directory), Just(Form::Incomplete)]
    }

    /// Names that can stand in a URL without an escape.
    fn name() -> impl Strategy<Value = Vec<u8>> {
        vec(any::<u8>().prop_filter("a separator", |byte| !b"\0/?%&=:".contains(byte)), 1..20)
    }

    fn slashed(names: &[Vec<u8>]) -> Vec<u8> {
        names.iter().flat_map(|name| [b"/", name.as_slice()].concat()).collect()
    }

    fn escape(text: &[u8]) -> Vec<u8> {
        text.iter().flat_map(|byte| format!("%{byte:02x}").into_bytes()).collect()
    }

    proptest! {
        #[test]
        fn never_panics(form in form(), bytes in vec(any::<u8>(), 0..200)) {
            for syntax in [Syntax::Plain, Syntax::Escaped] {
                let _ = Url::parse(&bytes, form, syntax);
                let _ = Url::parse(&[SCHEME, &bytes].concat(), form, syntax);
            }
        }

        #[test]
        fn gives_back_what_was_put_in(
            server in name(),
            directories in vec(name(), 0..5),
            file in name(),
            arguments in vec((name(), name()), 0..5),
        ) {
            let (path, file) = (slashed(&directories), slashed(&[file]));
            let mut tail = Vec::new();
            for (index, (name, value)) in arguments.iter().enumerate() {
                tail.extend_from_slice(if index == 0 { b"?" } else { b"&" });
                tail.extend_from_slice(&[name, b"=".as_slice(), value].concat());
            }
            let url = [SCHEME, &server, &path, &file, &tail].concat();
            let arguments = arguments.into_iter().map(|(name, value)| (name, Some(value))).collect();
            let expected = Url { server: Some(server), path: Some(path.clone()), file: Some(file.clone()), arguments };
            let other = Url { path: Some([path, file].concat()), file: None, ..expected.clone() };
            for syntax in [Syntax::Plain, Syntax::Escaped] {
                prop_assert_eq!(&Url::parse(&url, Form::Full, syntax).unwrap(), &expected);
                prop_assert_eq!(&Url::parse(&url, Form::Incomplete, syntax).unwrap(), &expected);
                prop_assert_eq!(&Url::parse(&url, Form::Directory, syntax).unwrap(), &other);
            }
        }

        #[test]
        fn every_escape_is_undone(text in vec(1..=255u8, 0..50)) {
            let url = [b"nfs://server/", escape(&text).as_slice()].concat();
            let path = Url::parse(&url, Form::Directory, Syntax::Escaped).unwrap().path.unwrap();
            prop_assert_eq!(path, [b"/", text.as_slice()].concat());
        }
    }
}
