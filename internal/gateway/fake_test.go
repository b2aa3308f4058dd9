package gateway_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"envoyd/internal/gateway"
	"envoyd/internal/secret"
	"envoyd/internal/trust"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	serial = "122333444555"
	cookie = "abcdefghijklmnopqrstuvwxyz012345"
)

// jwt returns a token for aud, whose signature nobody looks at.
func jwt(aud any) secret.Text {
	claims, err := json.Marshal(map[string]any{"aud": aud})
	if err != nil {
		panic(err)
	}
	part := base64.RawURLEncoding.EncodeToString
	return secret.New(part([]byte(`{"alg":"ES256"}`)) + "." + part(claims) + "." + part([]byte("signature")))
}

// newCert makes a self-signed certificate as gateways do.
func newCert(t testing.TB, key *ecdsa.PrivateKey, notAfter time.Time) *tls.Certificate {
	t.Helper()
	if key == nil {
		var err error
		if key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
			t.Fatal(err)
		}
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: serial},
		NotBefore: notAfter.AddDate(-1, 0, 0), NotAfter: notAfter,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

// fake is a gateway that can change its mind about everything between two
// requests and keeps all it was told.
type fake struct {
	address string
	server  *http.Server

	mu       sync.Mutex
	serial   string
	firmware string
	cert     *tls.Certificate
	tls      *tls.Config // of that certificate, with ticket keys of its own
	pages    map[string]http.HandlerFunc
	seen     []request
	conns    int
	open     []net.Conn
	resumed  int
	close    bool // end the connection after each answer
	busy     int
	busiest  int
}

type request struct {
	method, path, body string
	header             http.Header
}

// newFake starts a gateway of that firmware, by HTTPS from 7 on.
func newFake(t testing.TB, firmware string) *fake {
	return newFakeAt(t, firmware, "127.0.0.1:0")
}

func newFakeAt(t testing.TB, firmware, listen string) *fake {
	t.Helper()
	f := &fake{serial: serial, firmware: firmware, pages: map[string]http.HandlerFunc{}}
	f.show(newCert(t, nil, time.Now().AddDate(1, 0, 0)))
	inner, err := net.Listen("tcp", listen)
	if err != nil {
		t.Fatal(err)
	}
	f.address = inner.Addr().String()
	f.server = &http.Server{Handler: f, ConnState: f.count, ErrorLog: log.New(io.Discard, "", 0)}
	f.server.TLSConfig = &tls.Config{
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
			f.mu.Lock()
			defer f.mu.Unlock()
			return f.tls, nil
		},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return nil, nil },
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		if firmware >= "7" {
			_ = f.server.ServeTLS(inner, "", "")
			return
		}
		_ = f.server.Serve(inner)
	})
	t.Cleanup(func() { _ = f.server.Close(); wg.Wait() })
	f.page("/auth/check_jwt", func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.Header.Get("Authorization"), "Bearer ey") {
			deny(w, r)
			return
		}
		w.Header().Set("Set-Cookie", "sessionId="+cookie+"; Path=/; Secure; HttpOnly")
		_, _ = fmt.Fprint(w, "<!DOCTYPE html><h2>Valid token.</h2>")
	})
	return f
}

// show changes the certificate; no session of an earlier one can be resumed.
func (f *fake) show(cert *tls.Certificate) {
	config := &tls.Config{NextProtos: []string{"h2", "http/1.1"}, Certificates: []tls.Certificate{*cert}}
	var tickets [32]byte
	_, _ = rand.Read(tickets[:])
	config.SetSessionTicketKeys([][32]byte{tickets})
	f.set(func() { f.cert, f.tls = cert, config })
}

func deny(w http.ResponseWriter, _ *http.Request) {
	w.WriteHeader(http.StatusUnauthorized)
	_, _ = fmt.Fprint(w, "<html>401 Authorization Required</html>")
}

// answers returns a page that always says the same.
func answers(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = fmt.Fprint(w, body)
	}
}

func (f *fake) page(path string, h http.HandlerFunc) {
	f.set(func() { f.pages[path] = h })
}

func (f *fake) set(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
}

func (f *fake) count(conn net.Conn, s http.ConnState) {
	if s == http.StateNew {
		f.set(func() { f.conns, f.open = f.conns+1, append(f.open, conn) })
	}
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	f.mu.Lock()
	f.seen = append(f.seen, request{r.Method, r.RequestURI, string(body), r.Header.Clone()})
	if r.TLS != nil && r.TLS.DidResume && r.RequestURI == "/info" {
		f.resumed++
	}
	if f.close {
		w.Header().Set("Connection", "close")
	}
	f.busy++
	f.busiest = max(f.busiest, f.busy)
	page, info := f.pages[r.RequestURI], infoXML(f.serial, f.firmware)
	f.mu.Unlock()
	defer f.set(func() { f.busy-- })
	switch {
	case page != nil:
		page(w, r)
	case r.RequestURI == "/info":
		_, _ = fmt.Fprint(w, info)
	default:
		answers(http.StatusNotFound, "<html>404</html>")(w, r)
	}
}

func infoXML(serial, firmware string) string {
	tokens := ""
	if firmware >= "7" {
		tokens = "<web-tokens>true</web-tokens>"
	}
	return fmt.Sprintf(`<?xml version='1.0' encoding='UTF-8'?><envoy_info><time>%d</time><device><sn>%s</sn><pn>800-00654-r08</pn>`+
		`<software>D%s</software><imeter>true</imeter></device>%s</envoy_info>`, time.Now().Unix(), serial, firmware, tokens)
}

// secrets returns everything the fake was told that nobody else may know.
func (f *fake) secrets() []string {
	var found []string
	f.set(func() {
		for _, r := range f.seen {
			for _, name := range []string{"Authorization", "Cookie", "Proxy-Authorization"} {
				for _, v := range r.header.Values(name) {
					found = append(found, r.path+" "+name+": "+v)
				}
			}
		}
	})
	return found
}

// told returns the requests for path.
func (f *fake) told(path string) []request {
	var found []request
	f.set(func() {
		for _, r := range f.seen {
			if r.path == path {
				found = append(found, r)
			}
		}
	})
	return found
}

// cut ends every connection to f.
func (f *fake) cut() {
	f.set(func() {
		for _, conn := range f.open {
			_ = conn.Close()
		}
		f.open = nil
	})
}

// newClient returns a client for the usual serial with a token, unless changed.
func newClient(t testing.TB, change func(*gateway.Config)) *gateway.Client {
	t.Helper()
	cfg := gateway.Config{Serial: serial, Token: func() secret.Text { return jwt(serial) }, Book: trust.Memory()}
	if change != nil {
		change(&cfg)
	}
	c := gateway.New(cfg)
	t.Cleanup(c.Close)
	return c
}

func noToken(cfg *gateway.Config) { cfg.Token = nil }

func connect(t testing.TB, c *gateway.Client, address string) gateway.Info {
	t.Helper()
	info, err := c.Connect(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	return info
}

// refusedAddress returns a port of this host where nobody listens.
func refusedAddress(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = l.Close()
	return l.Addr().String()
}

// ports sends connections to the usual ports somewhere else; "" refuses.
func ports(to443, to80 string) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		to := to443
		if strings.HasSuffix(address, ":80") {
			to = to80
		}
		if to == "" {
			return nil, &net.OpError{Op: "dial", Net: network, Err: fmt.Errorf("connection refused")}
		}
		return new(net.Dialer).DialContext(ctx, network, to)
	}
}
