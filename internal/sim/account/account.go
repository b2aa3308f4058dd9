// Package account is the vendor's side of a gateway token: the Enlighten login
// and the Entrez token service, in all three ways a token can be had and with
// every failure that has been seen of them.
//
// One address stands for all the vendor's hosts. It knows one account, owns the
// gateways it is told to, and signs tokens that only the simulated gateway
// accepts. Vendor web APIs (/oauth, /api/v4) may be added beside it with Mount.
package account

import (
	"crypto/rand"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"envoyd/internal/sim/fault"
	"envoyd/internal/sim/jwt"
)

// Defaults of the account.
const (
	Email    = "owner@example.com"
	Password = "sunny-side-up"
	OTP      = "123456"
)

// Config says which account there is. Tokens and Gateways are needed.
type Config struct {
	Address  string       // where to listen, host:port; port 0 = a free one
	Listener net.Listener // instead of Address, for tests without a network
	TLS      bool         // with a certificate of an own authority, see Service.CA
	Tokens   *jwt.Issuer  // signs
	Gateways []string     // serials that belong to the account
	Email    string       // "" = Email
	Password string       // "" = Password
	Log      *slog.Logger // nil = silent
}

// Service is the listening service. Close it.
type Service struct {
	cfg      Config
	log      *slog.Logger
	listener net.Listener
	server   *http.Server
	mux      *http.ServeMux
	ca       []byte
	done     sync.WaitGroup
	switches fault.Switches

	mu       sync.Mutex
	sessions map[string]time.Time // Enlighten
	web      map[string]bool      // Entrez
	nonces   map[string]bool      // logins that wait for a one-time code
	requests map[string]int
	logins   int
}

// New begins to listen.
func New(cfg Config) (*Service, error) {
	if cfg.Email == "" {
		cfg.Email = Email
	}
	if cfg.Password == "" {
		cfg.Password = Password
	}
	s := &Service{
		cfg: cfg, log: cfg.Log, listener: cfg.Listener, mux: http.NewServeMux(),
		sessions: map[string]time.Time{}, web: map[string]bool{}, nonces: map[string]bool{}, requests: map[string]int{},
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if s.listener == nil {
		var err error
		if s.listener, err = net.Listen("tcp", cfg.Address); err != nil { //nolint:noctx // it listens until Close
			return nil, fmt.Errorf("listening as the token service at %s: %w", cfg.Address, err)
		}
	}
	s.routes()
	serve := s.listener
	if cfg.TLS {
		config, ca, err := authority()
		if err != nil {
			return nil, errors.Join(err, s.listener.Close())
		}
		s.ca, serve = ca, tls.NewListener(serve, config)
	}
	s.server = &http.Server{
		Handler: http.HandlerFunc(s.serve), ReadHeaderTimeout: time.Minute,
		ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
	s.done.Go(func() {
		if err := s.server.Serve(serve); !errors.Is(err, http.ErrServerClosed) {
			s.log.Error("token service stopped serving", "error", err)
		}
	})
	return s, nil
}

// routes are the vendor's paths.
func (s *Service) routes() {
	s.mux.HandleFunc("POST /login/login.json", s.login)
	s.mux.HandleFunc("POST /app-api/validate_login_otp", s.validateOTP)
	s.mux.HandleFunc("POST /app-api/generate_mfa_login_otp", s.sendOTP)
	s.mux.HandleFunc("GET /entrez-auth-token", s.authToken)
	s.mux.HandleFunc("POST /tokens", s.tokens)
	s.mux.HandleFunc("GET /login_main_page", s.loginPage)
	s.mux.HandleFunc("GET /login", s.loginPage)
	s.mux.HandleFunc("POST /login", s.webLogin)
	s.mux.HandleFunc("GET /site/{part}", s.sites)
	s.mux.HandleFunc("POST /entrez_tokens", s.webToken)
	s.mux.HandleFunc("POST /logout", s.webLogout)
	s.mux.HandleFunc("POST /_sim/{name}", s.control)
	s.mux.HandleFunc("GET /_sim/{name}", s.control)
}

// Mount adds a part of the vendor's web to the same address.
func (s *Service) Mount(pattern string, h http.Handler) { s.mux.Handle(pattern, h) }

// serve counts a request and answers it.
func (s *Service) serve(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.requests[r.URL.Path]++
	if r.Method == http.MethodPost && (r.URL.Path == "/login/login.json" || r.URL.Path == "/login") {
		s.logins++
	}
	s.mu.Unlock()
	s.mux.ServeHTTP(w, r)
}

// URL is the base address of every vendor host.
func (s *Service) URL() string {
	scheme := "http://"
	if s.cfg.TLS {
		scheme = "https://"
	}
	return scheme + s.listener.Addr().String()
}

// CA is the PEM certificate of the authority behind TLS, nil without.
func (s *Service) CA() []byte { return slices.Clone(s.ca) }

// Logins counts the attempts to log in with a password, good and bad, at
// Enlighten and at Entrez.
func (s *Service) Logins() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.logins
}

// Requests counts the requests for a path.
func (s *Service) Requests(path string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.requests[path]
}

// SetPassword changes the account's password.
func (s *Service) SetPassword(password string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cfg.Password = password
}

// Own gives the account another gateway.
func (s *Service) Own(serial string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cfg.Gateways = append(s.cfg.Gateways, serial)
}

// Close ends the service and waits for it.
func (s *Service) Close() error {
	err := s.server.Close()
	if other := s.listener.Close(); !errors.Is(other, net.ErrClosed) {
		err = errors.Join(err, other)
	}
	s.done.Wait()
	return err
}

// good checks a login.
func (s *Service) good(email, password string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.EqualFold(email, s.cfg.Email) && password == s.cfg.Password
}

// Knows says whether a login is the account's, for what is mounted beside.
func (s *Service) Knows(email, password string) bool { return s.good(email, password) }

// owns says whether a gateway belongs to the account.
func (s *Service) owns(serial string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Contains(s.cfg.Gateways, serial)
}

// issue signs a token for a gateway, or for another one when told so.
func (s *Service) issue(serial, role string) (string, error) {
	if s.fails(Foreign) {
		serial = "999999999999"
	}
	if s.fails(Installer) {
		role = jwt.Installer
	}
	return s.cfg.Tokens.Issue(serial, role, s.cfg.Email)
}

// sessionID is 32 hex characters.
func sessionID() string {
	var b [16]byte
	rand.Read(b[:]) //nolint:errcheck // never fails since Go 1.24
	return hex.EncodeToString(b[:])
}
