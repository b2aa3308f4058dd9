package gateway

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"fmt"
	"math/big"
	"time"
)

// certificate is a self-signed one as gateways have: the serial as its name,
// no alternative names, a year long.
type certificate struct {
	key  *ecdsa.PrivateKey
	tls  *tls.Config // one for as long as the certificate, so that sessions can be resumed
	pin  string
	ends time.Time
}

// newCertificate makes one with the given key, or with a new key.
func newCertificate(serial string, key *ecdsa.PrivateKey, life time.Duration) (certificate, error) {
	if key == nil {
		var err error
		if key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
			return certificate{}, fmt.Errorf("making the gateway's key: %w", err)
		}
	}
	if life == 0 {
		life = 365 * 24 * time.Hour
	}
	number, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		return certificate{}, fmt.Errorf("numbering the certificate: %w", err)
	}
	ends := time.Now().Add(life)
	begins := time.Now().Add(-time.Hour)
	if life < 0 {
		begins = ends.Add(-365 * 24 * time.Hour)
	}
	name := pkix.Name{CommonName: serial, Organization: []string{"Enphase Energy Inc."}}
	template := &x509.Certificate{SerialNumber: number, Subject: name, Issuer: name, NotBefore: begins, NotAfter: ends}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return certificate{}, fmt.Errorf("making the gateway's certificate: %w", err)
	}
	spki, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		return certificate{}, fmt.Errorf("writing the gateway's key: %w", err)
	}
	sum := sha256.Sum256(spki)
	return certificate{
		key: key, pin: hex.EncodeToString(sum[:]), ends: ends,
		tls: &tls.Config{
			MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}},
		},
	}, nil
}

// tlsConfig is the present one; gateways know no ALPN.
func (g *Gateway) tlsConfig() *tls.Config {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.cert.tls
}

// renew swaps the certificate and resets the connections made with the old one.
func (g *Gateway) renew(key *ecdsa.PrivateKey, life time.Duration) (string, error) {
	cert, err := newCertificate(g.cfg.Site.Identity().Serial, key, life)
	if err != nil {
		return "", err
	}
	g.mu.Lock()
	g.cert = cert
	g.mu.Unlock()
	g.DropConnections()
	return cert.pin, nil
}
