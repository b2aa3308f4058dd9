package app

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"time"

	"envoyd/internal/config"
	"envoyd/internal/fault"
	"envoyd/internal/reading"
	"envoyd/internal/status"
)

// ErrNoDaemon says that no daemon of this configuration runs.
var ErrNoDaemon = errors.New("no envoyd is running with this configuration")

// Client talks to the running daemon over its socket.
type Client struct{ http *http.Client }

// Dial returns a client of the daemon that runs with this configuration, or
// ErrNoDaemon. A socket that this user may not open is an error of its own.
func Dial(ctx context.Context, cfg *config.Config) (*Client, error) {
	var d net.Dialer
	for _, path := range sockets(cfg) {
		conn, err := d.DialContext(ctx, "unix", path)
		if errors.Is(err, os.ErrPermission) {
			return nil, &fault.Error{Kind: fault.Config, Op: "opening " + path, Err: err,
				Mend: "Run this as root, or as a member of the group envoyd."}
		}
		if err != nil {
			continue
		}
		_ = conn.Close() // only to see that somebody listens
		return &Client{http: &http.Client{Transport: &http.Transport{
			DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return d.DialContext(ctx, "unix", path) },
		}}}, nil
	}
	return nil, ErrNoDaemon
}

// Readings returns the latest reading of each gateway.
func (c *Client) Readings(ctx context.Context) ([]reading.Reading, error) {
	var all []reading.Reading
	return all, c.do(ctx, http.MethodGet, "/api/v1/readings", nil, &all)
}

// Conditions returns the daemon's health.
func (c *Client) Conditions(ctx context.Context) ([]status.Condition, error) {
	var health struct {
		Conditions []status.Condition `json:"conditions"`
	}
	return health.Conditions, c.do(ctx, http.MethodGet, "/readyz", nil, &health)
}

// Plans tells which source serves which quantity, by serial.
func (c *Client) Plans(ctx context.Context) (map[string][]string, error) {
	var plans map[string][]string
	return plans, c.do(ctx, http.MethodGet, "/control/plan", nil, &plans)
}

// Tokens returns what may be told of each gateway's token.
func (c *Client) Tokens(ctx context.Context) ([]TokenState, error) {
	var states []TokenState
	return states, c.do(ctx, http.MethodGet, "/control/token", nil, &states)
}

// SetToken hands over a pasted token; the daemon asks the gateway before it
// takes the place of the old one.
func (c *Client) SetToken(ctx context.Context, token string) (TokenState, error) {
	var state TokenState
	return state, c.do(ctx, http.MethodPost, "/control/token/set", tokenRequest{Token: token}, &state)
}

// RenewToken has the daemon log in for a new token now.
func (c *Client) RenewToken(ctx context.Context, serial string) ([]TokenState, error) {
	var states []TokenState
	return states, c.do(ctx, http.MethodPost, "/control/token/renew", serialRequest{Serial: serial}, &states)
}

// Key returns the pinned and the present key of a gateway; serial may be empty
// when there is only one.
func (c *Client) Key(ctx context.Context, serial string) (KeyState, error) {
	var k KeyState
	return k, c.do(ctx, http.MethodGet, "/control/trust?serial="+serial, nil, &k)
}

// Trust pins the key that Key has shown.
func (c *Client) Trust(ctx context.Context, k KeyState) error {
	return c.do(ctx, http.MethodPost, "/control/trust", serialRequest{Serial: k.Serial, SHA256: k.Present}, nil)
}

// commandTime is enough for the slowest thing behind a command: a login.
const commandTime = 110 * time.Second

func (c *Client) do(ctx context.Context, method, path string, in, out any) error {
	ctx, cancel := context.WithTimeout(ctx, commandTime)
	defer cancel()
	return c.doWhile(ctx, method, path, in, out)
}

// doWhile is do for as long as ctx allows.
func (c *Client) doWhile(ctx context.Context, method, path string, in, out any) error {
	var body io.Reader
	if in != nil {
		text, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(text)
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://localhost"+path, body)
	if err != nil {
		return err
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return fmt.Errorf("asking the running envoyd: %w", err)
	}
	defer resp.Body.Close() //nolint:errcheck // only read
	return decodeAnswer(resp, out)
}

func decodeAnswer(resp *http.Response, out any) error {
	text, err := io.ReadAll(io.LimitReader(resp.Body, 64<<20))
	if err != nil {
		return fmt.Errorf("reading the answer of the running envoyd: %w", err)
	}
	var failure struct{ Error, Mend string }
	if resp.StatusCode >= http.StatusBadRequest && json.Unmarshal(text, &failure) == nil && failure.Error != "" {
		return &fault.Error{Err: errors.New(failure.Error), Mend: failure.Mend}
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(text, out); err != nil {
		return fmt.Errorf("the running envoyd answers %s with something else than JSON", resp.Status)
	}
	return nil
}
