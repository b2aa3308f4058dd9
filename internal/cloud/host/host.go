// Package host is the way to a vendor's web service, be it the login or the
// cloud's API: a checked address, a careful HTTP client, and words for the
// failures of the connection.
//
// It follows no redirect, keeps no cookie, never sends a secret in the clear to
// another machine, and never quotes what the other side sent: net/http's own
// errors hold addresses with their query, and with them codes and keys.
package host

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"time"

	"envoyd/internal/fault"
)

var errProxy = errors.New("the proxy in the environment has no valid address")

const requestLimit = 20 * time.Second // for one answer, from dialling to its last byte

// Config says where the service is.
type Config struct {
	Key       string            // the setting's name for messages: "endpoints.api"
	URL       string            // base URL; http:// only to loopback; empty = Standard
	Standard  string            // the vendor's own
	CAFile    string            // PEM file with further authorities, for tests
	Transport http.RoundTripper // default: NewTransport's; services may share one
}

// Host is a service at one base URL. It is safe for concurrent use.
type Host struct {
	base   *url.URL
	client *http.Client
}

// New checks the address and the authorities; its errors are fault.Config.
func New(cfg Config) (*Host, error) {
	base, err := baseURL(cfg)
	if err != nil {
		return nil, err
	}
	transport := cfg.Transport
	if transport == nil {
		if transport, err = NewTransport(cfg.CAFile); err != nil {
			return nil, err
		}
	}
	return &Host{base: base, client: &http.Client{
		Transport:     transport,
		Timeout:       requestLimit,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// Client returns the HTTP client for the service.
func (h *Host) Client() *http.Client { return h.client }

// Name is the host's name, for messages.
func (h *Host) Name() string { return h.base.Hostname() }

// URL returns the address of a path of the service.
func (h *Host) URL(path string) *url.URL { return h.base.JoinPath(path) }

// Close closes idle connections.
func (h *Host) Close() { h.client.CloseIdleConnections() }

func baseURL(cfg Config) (*url.URL, error) {
	given := cfg.URL
	if given == "" {
		given = cfg.Standard
	}
	u, err := url.Parse(given)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, &fault.Error{Kind: fault.Config, Op: "reading " + cfg.Key, Err: errors.New("not a plain URL"),
			Mend: "Write it like " + cfg.Standard + "."}
	}
	if u.Scheme == "https" || u.Scheme == "http" && isLoopback(u.Hostname()) {
		return u, nil
	}
	return nil, &fault.Error{Kind: fault.Config, Op: "reading " + cfg.Key,
		Err:  errors.New("secrets would travel unencrypted to another host"),
		Mend: "Use https://; http:// is for loopback addresses only."}
}

func isLoopback(name string) bool {
	ip := net.ParseIP(name)
	return name == "localhost" || ip != nil && ip.IsLoopback()
}

// NewTransport is the network, with the authorities of caFile beside the
// host's; "" is none. Its errors are fault.Config.
func NewTransport(caFile string) (*http.Transport, error) {
	t := &http.Transport{
		Proxy:                  proxy,
		TLSHandshakeTimeout:    10 * time.Second,
		IdleConnTimeout:        30 * time.Second,
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

// proxy is the environment's. Its own error would quote the proxy's address,
// which may hold a password.
func proxy(r *http.Request) (*url.URL, error) {
	u, err := http.ProxyFromEnvironment(r)
	if err != nil {
		return nil, errProxy
	}
	return u, nil
}

// Offline says in our own words why no answer came, and what to do. The error
// it gets is never quoted: the words of net/http can hold what the other side
// sent.
func (h *Host) Offline(err error) (what, mend string) {
	const internet = "Check this computer's internet connection."
	var verification *tls.CertificateVerificationError
	var unknown x509.UnknownAuthorityError
	var dns *net.DNSError
	var dial *net.OpError
	var timeout net.Error
	switch {
	case errors.Is(err, context.Canceled):
		return "asking " + h.Name() + " was interrupted", ""
	case errors.As(err, &verification) || errors.As(err, &unknown):
		return "the certificate of " + h.Name() + " cannot be trusted",
			"Check the date and time of this computer and that ca-certificates is installed."
	case errors.Is(err, errProxy):
		return errProxy.Error(), "Correct HTTPS_PROXY in the environment of envoyd."
	case errors.As(err, &dial) && dial.Op == "proxyconnect":
		return "the proxy in the environment cannot be reached", "Correct HTTPS_PROXY in the environment of envoyd."
	case errors.As(err, &dns):
		return "the name " + h.Name() + " cannot be resolved", internet
	case errors.As(err, &timeout) && timeout.Timeout():
		return h.Name() + " did not answer in time", internet
	case errors.As(err, &dial) && dial.Op == "dial":
		return h.Name() + " cannot be reached", internet
	default:
		return "the connection to " + h.Name() + " failed", internet
	}
}
