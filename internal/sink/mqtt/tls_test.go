package mqtt

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"envoyd/internal/fault"
	"envoyd/internal/status"
)

// authority signs certificates for a test.
type authority struct {
	t    *testing.T
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{t: t, dir: t.TempDir()}
	template := &x509.Certificate{IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	a.cert, a.key = a.sign("ca", template)
	return a
}

// sign writes <name>.crt and <name>.key.
func (a *authority) sign(name string, template *x509.Certificate) (*x509.Certificate, *ecdsa.PrivateKey) {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	template.SerialNumber, template.Subject = big.NewInt(time.Now().UnixNano()), pkix.Name{CommonName: name}
	if template.NotAfter.IsZero() {
		template.NotAfter = time.Now().Add(time.Hour)
	}
	template.NotBefore = time.Now().Add(-2 * time.Hour)
	parent, parentKey := a.cert, a.key
	if parent == nil {
		parent, parentKey = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, parentKey)
	if err != nil {
		a.t.Fatal(err)
	}
	keyDER, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		a.t.Fatal(err)
	}
	a.write(name+".crt", "CERTIFICATE", der)
	a.write(name+".key", "EC PRIVATE KEY", keyDER)
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		a.t.Fatal(err)
	}
	return cert, key
}

func (a *authority) write(name, kind string, der []byte) {
	if err := os.WriteFile(a.file(name), pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		a.t.Fatal(err)
	}
}

func (a *authority) file(name string) string { return filepath.Join(a.dir, name) }

func (a *authority) server(name string, ip string, until time.Time) {
	a.sign(name, &x509.Certificate{IPAddresses: []net.IP{net.ParseIP(ip)}, NotAfter: until, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}})
}

// encrypted is a broker that speaks TLS with this certificate.
func (a *authority) encrypted(server string, more ...string) *mosquitto {
	return startMosquitto(a.t, append([]string{
		"listener PORT 127.0.0.1", "allow_anonymous true",
		"cafile " + a.file("ca.crt"), "certfile " + a.file(server+".crt"), "keyfile " + a.file(server+".key"),
	}, more...)...).up()
}

func TestMosquittoOverTLS(t *testing.T) {
	a := newAuthority(t)
	a.server("broker", "127.0.0.1", time.Time{})
	a.server("elsewhere", "192.0.2.1", time.Time{})
	a.server("old", "127.0.0.1", time.Now().Add(-time.Hour))
	a.sign("envoyd", &x509.Certificate{ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
	withCA := func(c *Config) { c.CAFile = a.file("ca.crt") }
	withCert := func(c *Config) { withCA(c); c.CertFile, c.KeyFile = a.file("envoyd.crt"), a.file("envoyd.key") }
	none := func(*Config) {}
	wantsCert := []string{"require_certificate true"}
	for _, c := range []struct {
		name, server string
		broker       []string
		client       func(*Config)
		mend         string // "" = works
	}{
		{"works with our authority", "broker", nil, withCA, ""},
		{"is refused with an unknown authority", "broker", nil, none, "mqtt.ca_file"},
		{"is refused under another name", "elsewhere", nil, withCA, "another name"},
		{"is refused when expired", "old", nil, withCA, "Renew"},
		{"works with a client certificate", "broker", wantsCert, withCert, ""},
		{"is refused without a client certificate", "broker", wantsCert, withCA, "mqtt.cert_file"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, h := a.encrypted(c.server, c.broker...), &health{}
			defer m.kill()
			p := publisher(t, h, func(cfg *Config) { cfg.URL = m.url("mqtts"); c.client(cfg) })
			err := p.Check(t.Context())
			if c.mend != "" {
				if err == nil || !strings.Contains(fault.Mend(err), c.mend) {
					t.Errorf("error %v, mend %q", err, fault.Mend(err))
				}
				return
			}
			if err != nil {
				t.Fatalf("%v (%s)", err, fault.Mend(err))
			}
			stop := run(t, p)
			until(t, "it is connected", h.is(status.Green))
			stop()
		})
	}
	t.Run("a plain port is named", func(t *testing.T) {
		m := startMosquitto(t, open...).up()
		err := publisher(t, &health{}, func(c *Config) { c.URL = m.url("mqtts"); withCA(c) }).Check(t.Context())
		if err == nil || !strings.Contains(fault.Mend(err), "mqtt://") {
			t.Errorf("error %v, mend %q", err, fault.Mend(err))
		}
	})
	t.Run("a TLS port spoken to in the open is named", func(t *testing.T) {
		m := a.encrypted("broker")
		err := publisher(t, &health{}, func(c *Config) { c.URL = m.url("mqtt") }).Check(t.Context())
		if err == nil || !strings.Contains(fault.Mend(err), "mqtts://") {
			t.Errorf("error %v, mend %q", err, fault.Mend(err))
		}
	})
}

func TestNewNamesWhatIsWrongWithTheConfiguration(t *testing.T) {
	a := newAuthority(t)
	for _, c := range []struct {
		name   string
		change func(*Config)
		says   string
	}{
		{"no URL", func(c *Config) { c.URL = "" }, "mqtt.url is not a URL"},
		{"a password in the URL", func(c *Config) { c.URL = "mqtt://me:hidden@host" }, "mqtt.url holds a user"},
		{"an unreadable URL", func(c *Config) { c.URL = "mqtt://me:hidden@ho st" }, "mqtt.url is not a URL"},
		{"a foreign scheme", func(c *Config) { c.URL = "http://host" }, `scheme "http"`},
		{"a wildcard in the topic", func(c *Config) { c.Topic = "solar/#" }, "mqtt.topic"},
		{"the topic as prefix", func(c *Config) { c.Topic = "homeassistant" }, "both"},
		{"unknown names", func(c *Config) { c.HA.Names = "funny" }, "mqtt.homeassistant.names"},
		{"no such authority", func(c *Config) { c.URL, c.CAFile = "mqtts://host", a.file("missing") }, "mqtt.ca_file"},
		{"a key as authority", func(c *Config) { c.URL, c.CAFile = "mqtts://host", a.file("ca.key") }, "no certificate"},
		{"a certificate without its key", func(c *Config) { c.URL, c.CertFile = "mqtts://host", a.file("ca.crt") }, "mqtt.key_file"},
		{"certificates in the open", func(c *Config) { c.CAFile = a.file("ca.crt") }, "not encrypted"},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := Config{URL: "mqtt://host", Hub: newHub(), HA: HomeAssistant{Prefix: "homeassistant"}}
			c.change(&cfg)
			_, err := New(cfg)
			if !fault.Is(err, fault.Config) || !strings.Contains(err.Error(), c.says) || fault.Mend(err) == "" || strings.Contains(err.Error(), "hidden") {
				t.Errorf("error %v, mend %q", err, fault.Mend(err))
			}
		})
	}
}
