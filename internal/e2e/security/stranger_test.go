package security_test

import (
	"bufio"
	"bytes"
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
)

// stranger is a host that says it is a gateway and keeps every byte it gets,
// before and after decryption.
type stranger struct {
	address string
	serial  string
	firm    string
	secure  bool             // speaks TLS; else a TLS greeting is hung up on
	page    http.HandlerFunc // all but /info, unless infoToo
	infoToo bool

	cert  tls.Certificate
	ready chan net.Conn

	mu    sync.Mutex
	bytes bytes.Buffer
	conns int
	paths map[string]int
}

// meet starts a stranger at a free port of host.
func meet(t *testing.T, host string, s *stranger) *stranger {
	t.Helper()
	l, err := net.Listen("tcp", host+":0")
	if err != nil {
		t.Fatal(err)
	}
	s.address, s.cert = l.Addr().String(), newCert(t)
	s.ready, s.paths = make(chan net.Conn), map[string]int{}
	server := &http.Server{Handler: s, ErrorLog: log.New(io.Discard, "", 0), ReadHeaderTimeout: time.Minute}
	ended := make(chan struct{})
	go s.accept(l, ended)
	go server.Serve(&queue{Listener: l, s: s, ended: ended}) //nolint:errcheck // ends with the test
	t.Cleanup(func() { _ = server.Close() })
	return s
}

// queue hands the server what accept has looked at.
type queue struct {
	net.Listener
	s     *stranger
	ended chan struct{}
}

func (q *queue) Accept() (net.Conn, error) {
	select {
	case c := <-q.s.ready:
		return c, nil
	case <-q.ended:
		return nil, net.ErrClosed
	}
}

func (s *stranger) accept(l net.Listener, ended chan struct{}) {
	defer close(ended)
	for {
		raw, err := l.Accept()
		if err != nil {
			return
		}
		s.mu.Lock()
		s.conns++
		s.mu.Unlock()
		go s.sniff(&recorded{Conn: raw, s: s}, ended)
	}
}

func (s *stranger) sniff(c *recorded, ended chan struct{}) {
	r := bufio.NewReader(c)
	first, err := r.Peek(1)
	if err != nil || first[0] == 0x16 && !s.secure {
		_ = c.Close()
		return
	}
	var conn net.Conn = &peeked{Conn: c, r: r}
	if first[0] == 0x16 {
		config := &tls.Config{Certificates: []tls.Certificate{s.cert}}
		conn = &recorded{Conn: tls.Server(conn, config), s: s}
	}
	select {
	case s.ready <- conn:
	case <-ended:
		_ = c.Close()
	}
}

type peeked struct {
	net.Conn
	r *bufio.Reader
}

func (p *peeked) Read(b []byte) (int, error) { return p.r.Read(b) }

// recorded keeps what is read from a connection.
type recorded struct {
	net.Conn
	s *stranger
}

func (r *recorded) Read(b []byte) (int, error) {
	n, err := r.Conn.Read(b)
	r.s.mu.Lock()
	defer r.s.mu.Unlock()
	r.s.bytes.Write(b[:n])
	return n, err
}

func (s *stranger) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.paths[r.URL.Path]++
	s.mu.Unlock()
	if r.URL.Path == "/info" && !s.infoToo {
		fmt.Fprintf(w, `<?xml version='1.0' encoding='UTF-8'?><envoy_info><time>%d</time><device><sn>%s</sn><pn>800-00654-r08</pn>`+
			`<software>D%s</software><imeter>true</imeter></device></envoy_info>`, time.Now().Unix(), s.serial, s.firm)
		return
	}
	if s.page != nil {
		s.page(w, r)
		return
	}
	bait(w, r)
}

// digest asks for the login of old firmware, just as a gateway does.
func digest(w http.ResponseWriter, _ *http.Request) {
	w.Header().Add("WWW-Authenticate", `Digest qop="auth", realm="enphaseenergy.com", nonce="1694046744"`)
	w.WriteHeader(http.StatusUnauthorized)
}

// bait asks for every login that nobody should give.
func bait(w http.ResponseWriter, _ *http.Request) {
	w.Header().Add("WWW-Authenticate", `Basic realm="enphaseenergy.com"`)
	w.Header().Add("WWW-Authenticate", `Digest qop="auth", realm="elsewhere.example", nonce="1694046744"`)
	w.WriteHeader(http.StatusUnauthorized)
}

func (s *stranger) asked(path string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.paths[path]
}

func (s *stranger) connections() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.conns
}

// got returns which of the secrets, or marks of one, the stranger ever got.
func (s *stranger) got(secrets ...string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := strings.ToLower(s.bytes.String())
	var found []string
	for _, mark := range append(secrets, "authorization:", "cookie:", "bearer ", "digest ", "response=") {
		if strings.Contains(all, strings.ToLower(mark)) {
			found = append(found, mark)
		}
	}
	return found
}

func newCert(t *testing.T) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: serial},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(1, 0, 0),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// tokenFor makes a token whose signature nobody of ours looks at.
func tokenFor(t *testing.T, serial string) string {
	t.Helper()
	now := time.Now()
	claims, err := json.Marshal(map[string]any{
		"aud": serial, "iss": "Entrez", "enphaseUser": "owner", "iat": now.Unix(), "exp": now.AddDate(1, 0, 0).Unix(), "jti": "1", "username": "x",
	})
	if err != nil {
		t.Fatal(err)
	}
	part := base64.RawURLEncoding.EncodeToString
	return part([]byte(`{"kid":"k","typ":"JWT","alg":"ES256"}`)) + "." + part(claims) + "." + part([]byte("no-signature-of-anybody-at-all-0123"))
}
