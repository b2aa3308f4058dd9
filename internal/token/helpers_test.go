package token_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"envoyd/internal/fault"
	"envoyd/internal/secret"
	"envoyd/internal/status"
	"envoyd/internal/token"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	serial = "122333444555"
	day    = 24 * time.Hour
	year   = 365 * day
	half   = 12 * time.Hour
)

func encode(claims map[string]any) string {
	payload, _ := json.Marshal(claims)
	b64 := base64.RawURLEncoding.EncodeToString
	return b64([]byte(`{"alg":"ES256"}`)) + "." + b64(payload) + "." + b64([]byte("the-signature"))
}

// tokenCount makes each token another one, also within a second.
var tokenCount struct {
	sync.Mutex
	n int
}

// issue makes a token that begins now.
func issue(role string, lifetime time.Duration) token.Token {
	return issueFor(serial, role, lifetime)
}

func issueFor(serial, role string, lifetime time.Duration) token.Token {
	tokenCount.Lock()
	tokenCount.n++
	n := tokenCount.n
	tokenCount.Unlock()
	now := time.Now().Unix()
	t, err := token.Parse(encode(map[string]any{
		"aud": serial, "enphaseUser": role, "iat": now, "exp": now + int64(lifetime/time.Second), "jti": fmt.Sprint(n),
	}))
	if err != nil {
		panic(err)
	}
	t.Method = "tokens"
	return t
}

// cloud is a Fetcher that counts.
type cloud struct {
	mu     sync.Mutex
	calls  []time.Time
	answer func(ctx context.Context, call int) (token.Token, error)
}

func (c *cloud) Fetch(ctx context.Context, _ string) (token.Token, error) {
	c.mu.Lock()
	c.calls = append(c.calls, time.Now())
	n := len(c.calls)
	c.mu.Unlock()
	return c.answer(ctx, n)
}

func (c *cloud) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.calls)
}

// gives is a cloud that always has a new token.
func gives(role string, lifetime time.Duration) *cloud {
	return &cloud{answer: func(context.Context, int) (token.Token, error) { return issue(role, lifetime), nil }}
}

func fails(err error) *cloud {
	return &cloud{answer: func(context.Context, int) (token.Token, error) { return token.Token{}, err }}
}

// gateway is a Verifier.
type gateway struct {
	mu    sync.Mutex
	err   error
	never string // a token it refuses whatever err says
	shown int
}

func (g *gateway) CheckToken(_ context.Context, candidate secret.Text) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.shown++
	if candidate.Reveal() == g.never {
		return errSaysNo
	}
	return g.err
}

func (g *gateway) set(err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.err = err
}

var (
	errSaysNo = &fault.Error{Kind: fault.Auth, Op: "asking the gateway", Err: errors.New("401")}
	errAway   = &fault.Error{Op: "asking the gateway", Err: errors.New("no route to host")}
	errWrong  = &fault.Error{Kind: fault.Auth, Err: errors.New("the login says no"), Mend: "Correct the password."}
	errDown   = &fault.Error{Err: errors.New("the service is down"), Mend: "Wait."}
)

var account = token.Account{Username: "jane@example.org", Password: secret.New("correct horse")}

// said is the last health report.
type said struct {
	mu            sync.Mutex
	state         status.State
	message, mend string
}

func (s *said) report(state status.State, message, mend string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state, s.message, s.mend = state, message, mend
}

func (s *said) get() (status.State, string, string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state, s.message, s.mend
}

// with fills what a test does not care about.
func with(dir string, change func(*token.KeeperConfig)) token.KeeperConfig {
	cfg := token.KeeperConfig{Serial: serial, Files: token.Open(dir), Account: account, Verifier: &gateway{}}
	if change != nil {
		change(&cfg)
	}
	return cfg
}

func keeper(t *testing.T, cfg token.KeeperConfig) *token.Keeper {
	t.Helper()
	k, err := token.NewKeeper(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// runFor runs a fresh keeper for so long, as one life of the daemon.
func runFor(t *testing.T, cfg token.KeeperConfig, d time.Duration) *token.Keeper {
	t.Helper()
	k := keeper(t, cfg)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		k.Run(ctx)
	}()
	time.Sleep(d)
	synctest.Wait()
	cancel()
	<-done
	return k
}

func save(t *testing.T, dir string, tokens ...token.Token) {
	t.Helper()
	for _, tok := range tokens {
		if err := token.Open(dir).Save(tok); err != nil {
			t.Fatal(err)
		}
	}
}

func stored(t *testing.T, dir string) []token.Token {
	t.Helper()
	tokens, err := token.Open(dir).Load(serial)
	if err != nil {
		t.Fatal(err)
	}
	return tokens
}

func same(a, b token.Token) bool { return a.Text.Reveal() == b.Text.Reveal() }
