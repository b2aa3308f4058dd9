package token

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"envoyd/internal/fault"
	"envoyd/internal/secret"
	"envoyd/internal/status"
)

// Fetcher obtains a new token from Enphase; package entrez has one. Its errors
// are classified: fault.Auth means that no retry may happen until the account
// in the configuration changes, fault.Config that a retry tomorrow is soon
// enough, anything else is tried again on a ladder of pauses.
type Fetcher interface {
	Fetch(ctx context.Context, serial string) (Token, error)
}

// Verifier asks the gateway itself whether it takes a token; gateway.Client is
// one. An error of kind fault.Auth is a no, any other says nothing about the
// token.
type Verifier interface {
	CheckToken(ctx context.Context, candidate secret.Text) error
}

// Account is the login that a Fetcher uses. The Keeper only needs to notice
// when it changes.
type Account struct {
	Username string
	Password secret.Text
}

// KeeperConfig says for which gateway a Keeper works and with what.
type KeeperConfig struct {
	Serial       string      // the gateway, 12 digits
	Files        *Files      // shared by all keepers of the process
	Configured   secret.Text // gateways[].token or token_file; zero = none
	Account      Account     // zero = tokens are never fetched
	Fetcher      Fetcher     // nil = tokens are never fetched
	Verifier     Verifier    // needed to replace a token
	ClockTrusted func() bool // whether the host's clock is synchronised; nil = yes
	Report       func(state status.State, message, mend string)
	Log          *slog.Logger
}

// Keeper has the token of one gateway and sees to its successor. Its methods
// are safe for concurrent use.
type Keeper struct {
	cfg   KeeperConfig
	wake  chan struct{}
	began time.Time

	mu         sync.Mutex
	hash       string          // of the account; "" until it is needed
	configured Token           // zero without one
	stored     []Token         // the last accepted first
	refused    map[string]bool // token texts the gateway has refused since they were accepted
	asked      time.Time       // when the gateway last refused the token in use
	pending    Token           // fetched, not yet seen by the gateway
	unsaved    Token           // in use, but could not be written
	attempt    time.Time       // when the last login began: its entry in the record
	problem    *problem        // why the last try for a successor failed
	verifyWait time.Duration   // pause before the pending token is shown to the gateway again
}

// NewKeeper reads what is stored. It fails when the configured token is not
// one for this gateway (fault.Config) or when the files cannot be read; damaged
// files are set aside and logged.
func NewKeeper(cfg KeeperConfig) (*Keeper, error) {
	if !ValidSerial(cfg.Serial) {
		return nil, errors.New("keeping tokens: a serial is twelve digits")
	}
	k := &Keeper{cfg: cfg, wake: make(chan struct{}, 1), began: time.Now(), refused: map[string]bool{}}
	if k.cfg.Log == nil {
		k.cfg.Log = slog.New(slog.DiscardHandler)
	}
	if err := k.readConfigured(); err != nil {
		return nil, err
	}
	stored, err := cfg.Files.Load(cfg.Serial)
	if errors.Is(err, ErrDamaged) {
		k.cfg.Log.Warn("stored tokens lost", "gateway", cfg.Serial, "error", err)
	} else if err != nil {
		return nil, err
	}
	k.stored = stored
	return k, nil
}

func (k *Keeper) readConfigured() error {
	if k.cfg.Configured.IsZero() {
		return nil
	}
	t, err := Pasted(k.cfg.Configured.Reveal())
	if err == nil && t.Serial != k.cfg.Serial {
		err = fmt.Errorf("%w: it is for %s", ErrOtherGateway, t.Serial)
	}
	if err != nil {
		return &fault.Error{
			Kind: fault.Config, Op: "reading the configured token of gateway " + k.cfg.Serial, Err: err,
			Mend: "Copy the token for this gateway again from https://entrez.enphaseenergy.com, whole, or remove it from the configuration.",
		}
	}
	t.Method = "configured"
	k.configured = t
	return nil
}

func (k *Keeper) fetches() bool {
	return k.cfg.Fetcher != nil && k.cfg.Account.Username != ""
}

func (k *Keeper) clockTrusted() bool {
	return k.cfg.ClockTrusted == nil || k.cfg.ClockTrusted()
}

// Current returns the token to use now: the configured one while it lives,
// else the last accepted that still lives; one that the gateway has refused
// only when there is no other. The zero Token when there is none.
func (k *Keeper) Current() Token {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.current(time.Now())
}

func (k *Keeper) current(now time.Time) Token {
	var fallback Token
	for _, t := range k.usable(now) {
		if !k.refused[t.Text.Reveal()] {
			return t
		}
		if fallback.Text.IsZero() {
			fallback = t
		}
	}
	return fallback
}

// usable lists the tokens that may be tried, in order of preference.
func (k *Keeper) usable(now time.Time) []Token {
	var tokens []Token
	trusted := k.clockTrusted()
	for _, t := range append([]Token{k.configured}, k.stored...) {
		if t.Usable(now, trusted) {
			tokens = append(tokens, t)
		}
	}
	return tokens
}

// Coming reports whether there is no token yet but one will be fetched without
// anybody's help: an account is configured, and no login has ended in an answer
// that a person has to do something about.
func (k *Keeper) Coming() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.fetches() && len(k.usable(time.Now())) == 0 && (k.problem == nil || !k.problem.final)
}

// longest is the accepted token that ends last; zero when none is usable.
func (k *Keeper) longest(now time.Time) Token {
	var best Token
	for _, t := range k.usable(now) {
		if !k.refused[t.Text.Reveal()] && t.ExpiresAt.After(best.ExpiresAt) {
			best = t
		}
	}
	return best
}

// Refused says that the gateway's check_jwt, asked over the pinned connection,
// answered 401 to the token that Current returned. Another stored token is
// used if there is one; if not, one login in 24 hours may follow.
func (k *Keeper) Refused() {
	k.mu.Lock()
	t := k.current(time.Now())
	news := !t.Text.IsZero() && !k.refused[t.Text.Reveal()]
	if news {
		k.refused[t.Text.Reveal()] = true
		k.asked = time.Now()
	}
	k.mu.Unlock()
	if news {
		k.cfg.Log.Warn("gateway refuses its token", "gateway", k.cfg.Serial, "role", t.Role, "expires", t.ExpiresAt)
		k.nudge()
	}
}

// askAgain shows a refused token to the gateway once more, not too often: its
// clock can be wrong for a while after a power cut.
func (k *Keeper) askAgain(ctx context.Context) {
	now := time.Now()
	k.mu.Lock()
	t := k.current(now)
	if !k.refused[t.Text.Reveal()] || now.Sub(k.asked) < lookEvery {
		k.mu.Unlock()
		return
	}
	k.asked = now
	k.mu.Unlock()
	limited, cancel := context.WithTimeout(ctx, fetchLimit)
	defer cancel()
	if k.verify(limited, t) != nil {
		return
	}
	k.mu.Lock()
	delete(k.refused, t.Text.Reveal())
	k.mu.Unlock()
	k.cfg.Log.Info("gateway takes its token again", "gateway", k.cfg.Serial)
}

func (k *Keeper) nudge() {
	select {
	case k.wake <- struct{}{}:
	default:
	}
}

// account names the account in the record of logins. It is worked out when it
// is first needed: on a full disk it cannot be, and that must cost the daemon
// a login, not its start.
func (k *Keeper) account() (string, error) {
	k.mu.Lock()
	hash := k.hash
	k.mu.Unlock()
	if hash != "" {
		return hash, nil
	}
	hash, err := k.cfg.Files.accountHash(k.cfg.Account)
	if err != nil {
		return "", &fault.Error{
			Op: "preparing a login for gateway " + k.cfg.Serial, Err: err,
			Mend: "Make room on the disk, or make the state folder writable: without a record of logins none is made.",
		}
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.hash = hash
	return hash, nil
}

// due is when the next login should happen; ok is false when none should.
func (k *Keeper) due(now time.Time) (at time.Time, ok bool, err error) {
	if !k.fetches() {
		return time.Time{}, false, nil
	}
	hash, err := k.account()
	if err != nil {
		return time.Time{}, false, err
	}
	r, err := k.cfg.Files.readAttempts(now)
	if err != nil {
		return time.Time{}, false, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if s, stopped := r.Stopped[hash]; stopped {
		k.problem = &problem{message: s.Message, mend: s.Mend, final: true}
		return time.Time{}, false, nil
	}
	at = r.notBefore(k.cfg.Serial, now)
	if best := k.longest(now); !best.Text.IsZero() {
		if now.Before(best.RenewAt()) && k.pending.Text.IsZero() && k.unsaved.Text.IsZero() {
			k.problem = nil // of a try that was not needed
		}
		return later(at, best.RenewAt().Add(spread(best))), true, nil
	}
	if len(k.usable(now)) > 0 { // refused, every one of them
		return later(at, r.Gateways[k.cfg.Serial].RefusedLogin.Add(day)), true, nil
	}
	return at, true, nil
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// spread draws from the token itself where in its span of jitter the first try
// falls: the same after each restart, another one in each house.
func spread(t Token) time.Duration {
	span := t.jitterSpan()
	if span <= 0 {
		return 0
	}
	sum := sha256.Sum256([]byte(t.Text.Reveal()))
	return time.Duration(binary.BigEndian.Uint64(sum[:8]) % uint64(span))
}
