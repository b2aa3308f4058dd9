package mqtt

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"os"

	"envoyd/internal/fault"
)

// target is where the broker is and how it is spoken to.
type target struct {
	url       *url.URL
	tls       *tls.Config // nil without TLS
	webSocket bool
	address   string // host:port
	connect   func(ctx context.Context, network, address string) (net.Conn, error)
}

func configFault(err error, mend string) error {
	return &fault.Error{Kind: fault.Config, Mend: mend, Err: err}
}

// newTarget reads the URL and the certificates that belong to it.
func newTarget(cfg Config) (target, error) {
	u, err := url.Parse(cfg.URL)
	if err != nil || u.Hostname() == "" {
		// The parser's own message may quote a password that was put in.
		return target{}, configFault(errors.New("mqtt.url is not a URL"), "Write it like mqtt://192.168.1.10:1883.")
	}
	if u.User != nil {
		return target{}, configFault(errors.New("mqtt.url holds a user"), "Put it in mqtt.username and mqtt.password_file.")
	}
	t := target{url: u, connect: cfg.Dial}
	if t.connect == nil {
		t.connect = new(net.Dialer).DialContext
	}
	port, secure := "", false
	switch u.Scheme {
	case "mqtt", "tcp":
		port = "1883"
	case "mqtts", "ssl":
		port, secure = "8883", true
	case "ws":
		port, t.webSocket = "80", true
	case "wss":
		port, secure, t.webSocket = "443", true, true
	default:
		return target{}, configFault(fmt.Errorf("mqtt.url: scheme %q is not known", u.Scheme), "Use mqtt://, mqtts://, ws:// or wss://.")
	}
	if u.Port() != "" {
		port = u.Port()
	}
	t.address = net.JoinHostPort(u.Hostname(), port)
	if secure {
		t.tls, err = tlsConfig(cfg, u.Hostname())
	} else if cfg.CAFile != "" || cfg.CertFile != "" || cfg.KeyFile != "" {
		err = configFault(errors.New("mqtt.url is not encrypted but certificates are configured"), "Use mqtts:// (or wss://), or remove mqtt.ca_file, mqtt.cert_file and mqtt.key_file.")
	}
	return t, err
}

func tlsConfig(cfg Config, host string) (*tls.Config, error) {
	c := &tls.Config{ServerName: host, MinVersion: tls.VersionTLS12}
	if cfg.CAFile != "" {
		pem, err := os.ReadFile(cfg.CAFile)
		if err != nil {
			return nil, configFault(fmt.Errorf("reading mqtt.ca_file: %w", err), "Check the path and who may read it.")
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(pem) {
			return nil, configFault(fmt.Errorf("mqtt.ca_file: no certificate in %s", cfg.CAFile), "Give the authority's certificate in PEM form.")
		}
	}
	if cfg.CertFile == "" && cfg.KeyFile == "" {
		return c, nil
	}
	pair, err := tls.LoadX509KeyPair(cfg.CertFile, cfg.KeyFile)
	if err != nil {
		return nil, configFault(fmt.Errorf("reading mqtt.cert_file and mqtt.key_file: %w", err), "Give both, in PEM form, belonging together.")
	}
	c.Certificates = []tls.Certificate{pair}
	return c, nil
}

// exposes reports whether a password would travel where others could read it.
func (t target) exposes(cfg Config) bool {
	if t.tls != nil || cfg.Password.IsZero() {
		return false
	}
	host := t.url.Hostname()
	if host == "localhost" {
		return false
	}
	addr, err := netip.ParseAddr(host)
	return err != nil || !addr.IsLoopback()
}
