// Package entrez obtains a gateway token with the home owner's Enphase
// account, as a person with a browser would: it logs in, asks for the token of
// one gateway and forgets the session.
//
// There is no published interface for this, so three ways are tried in turn:
// the Enlighten login and Entrez's /tokens (A), the Enlighten page that shows
// a token as JSON (A′), and Entrez's own web form (B), whose page is parsed
// strictly because a page that changed must not be mistaken for a token. After
// an answer that concerns the account itself (wrong password, one-time code,
// blocked, too many sessions, throttled) nothing more is tried: every further
// login brings the account nearer to being locked.
//
// One call is one attempt. When to try again is package token's business, and
// nothing that Enphase answers is ever logged or quoted in an error.
package entrez

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"time"

	"envoyd/internal/fault"
	"envoyd/internal/secret"
	"envoyd/internal/token"
)

// The services of the vendor, public and with ordinary certificates.
const (
	DefaultEntrez    = "https://entrez.enphaseenergy.com"
	DefaultEnlighten = "https://enlighten.enphaseenergy.com"
)

const (
	requestLimit = 20 * time.Second // for one page
	bodyLimit    = 1 << 20          // pages seen are about 10 kB
)

// Config says where the services are. Zero values mean the vendor's.
type Config struct {
	Entrez, Enlighten string // base URLs; http:// only to loopback
	CAFile            string // PEM file with further authorities, for tests
	Log               *slog.Logger
}

// Client obtains tokens. It is safe for concurrent use, but callers make sure
// that one login happens at a time.
type Client struct {
	entrez, enlighten *url.URL
	transport         *http.Transport
	log               *slog.Logger
	pause             func(context.Context) error // before a session that is too young is shown again
}

// Login is a home owner's account at Enphase.
type Login struct {
	Email    string
	Password secret.Text
	// OTP asks a person for the one-time code that Enphase has sent by e-mail;
	// an empty code asks Enphase to send another. Nil where no person is: then
	// an account with one-time codes ends in ErrMFARequired.
	OTP func(ctx context.Context) (string, error)
}

// New checks the addresses and the authorities; its errors are fault.Config.
func New(cfg Config) (*Client, error) {
	c := &Client{log: cfg.Log, pause: pauseAwhile}
	if c.log == nil {
		c.log = slog.New(slog.DiscardHandler)
	}
	var errs [3]error
	c.entrez, errs[0] = baseURL("endpoints.entrez", cfg.Entrez, DefaultEntrez)
	c.enlighten, errs[1] = baseURL("endpoints.enlighten", cfg.Enlighten, DefaultEnlighten)
	c.transport, errs[2] = newTransport(cfg.CAFile)
	if err := errors.Join(errs[:]...); err != nil {
		return nil, err
	}
	return c, nil
}

// baseURL refuses addresses to which a password would travel in the clear.
func baseURL(key, given, standard string) (*url.URL, error) {
	if given == "" {
		given = standard
	}
	u, err := url.Parse(given)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, &fault.Error{Kind: fault.Config, Op: "reading " + key, Err: errors.New("not a plain URL"),
			Mend: "Write it like " + standard + "."}
	}
	if u.Scheme == "https" || u.Scheme == "http" && isLoopback(u.Hostname()) {
		return u, nil
	}
	return nil, &fault.Error{Kind: fault.Config, Op: "reading " + key,
		Err:  errors.New("the password would travel unencrypted to another host"),
		Mend: "Use https://; http:// is for loopback addresses only."}
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func newTransport(caFile string) (*http.Transport, error) {
	t := &http.Transport{
		Proxy:                  proxy,
		TLSHandshakeTimeout:    10 * time.Second,
		MaxResponseHeaderBytes: 64 << 10,
		ForceAttemptHTTP2:      true,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
	}
	if caFile == "" {
		return t, nil
	}
	pem, err := os.ReadFile(caFile)
	if err != nil {
		return nil, &fault.Error{Kind: fault.Config, Op: "reading endpoints.ca_file", Err: err}
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	if !pool.AppendCertsFromPEM(pem) {
		return nil, &fault.Error{Kind: fault.Config, Op: "reading endpoints.ca_file",
			Err: fmt.Errorf("%s holds no certificate in PEM form", caFile)}
	}
	t.TLSClientConfig.RootCAs = pool
	return t, nil
}

// proxy is the environment's: Enphase is on the internet. Its own error would
// quote the proxy's address, which may hold a password.
func proxy(r *http.Request) (*url.URL, error) {
	u, err := http.ProxyFromEnvironment(r)
	if err != nil {
		return nil, errProxy
	}
	return u, nil
}

// Account joins the client and a login into a token.Fetcher.
type Account struct {
	Client *Client
	Login  Login
}

// Fetch obtains a token for the gateway; see Client.Fetch.
func (a Account) Fetch(ctx context.Context, serial string) (token.Token, error) {
	return a.Client.Fetch(ctx, a.Login, serial)
}

// Fetch obtains a token for one gateway. Its errors are *fault.Error around
// one of this package's sentinels: fault.Auth when the account must not be
// tried again as it is, fault.Config when the gateway is not on the account,
// else fault.Transient with the pause to make. They say by LoginAnswers how
// often the login page gave a definite answer.
func (c *Client) Fetch(ctx context.Context, login Login, serial string) (token.Token, error) {
	if !token.ValidSerial(serial) {
		return token.Token{}, errors.New("fetching a token: a serial is twelve digits")
	}
	defer c.transport.CloseIdleConnections()
	a := c.newAttempt(login, serial)
	t, f := a.run(ctx)
	if f != nil {
		return token.Token{}, a.report("fetching a token for gateway "+serial, f)
	}
	t.ObtainedAt = time.Now().UTC().Truncate(time.Second)
	c.log.Debug("token obtained", "gateway", serial, "role", t.Role, "expires", t.ExpiresAt, "method", t.Method)
	return t, nil
}

// Check logs in once and fetches nothing: `envoyd check -account`.
func (c *Client) Check(ctx context.Context, login Login) error {
	defer c.transport.CloseIdleConnections()
	a := c.newAttempt(login, "")
	if _, f := a.signIn(ctx); f != nil {
		return a.report("logging in to Enphase", f)
	}
	return nil
}
