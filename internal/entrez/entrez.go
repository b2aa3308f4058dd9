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
	"errors"
	"log/slog"
	"net/http"
	"time"

	"envoyd/internal/cloud/host"
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
	entrez, enlighten *host.Host
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
	c.transport, errs[0] = host.NewTransport(cfg.CAFile)
	c.entrez, errs[1] = host.New(host.Config{Key: "endpoints.entrez", URL: cfg.Entrez, Standard: DefaultEntrez, Transport: c.transport})
	c.enlighten, errs[2] = host.New(host.Config{Key: "endpoints.enlighten", URL: cfg.Enlighten, Standard: DefaultEnlighten, Transport: c.transport})
	if err := errors.Join(errs[:]...); err != nil {
		return nil, err
	}
	return c, nil
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
