package token

import (
	"context"
	"errors"
	"fmt"
	"time"

	"envoyd/internal/fault"
)

const (
	lookEvery    = 10 * time.Minute // clocks step and files change: look again at least this often
	fetchLimit   = 3 * time.Minute  // for one attempt at a login with all its pages
	waitForClock = 15 * time.Minute // after the start, for the clock to be synchronised before a login
	clockLook    = time.Minute      // meanwhile
	verifyFirst  = 5 * time.Second  // pause before a token is shown to an absent gateway again, doubling
	verifyLast   = 10 * time.Minute
)

// answersError is what an error from a Fetcher may say about how often the
// login page gave a definite answer on the way to it.
type answersError interface{ LoginAnswers() int }

// loginAnswers counts the definite answers behind err. When the error does not
// say, a failure that is not transient counts as one.
func loginAnswers(err error) int {
	if a, ok := errors.AsType[interface {
		error
		answersError
	}](err); ok {
		return a.LoginAnswers()
	}
	if fault.KindOf(err) == fault.Transient {
		return 0
	}
	return 1
}

// Run renews the token until ctx ends. It needs no internet as long as a token
// lives.
func (k *Keeper) Run(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		case <-k.wake:
		}
		timer.Reset(min(max(k.step(ctx), time.Second), lookEvery))
	}
}

// step does what is due and returns how long nothing will be.
func (k *Keeper) step(ctx context.Context) time.Duration {
	defer k.Report()
	if err := k.saveAgain(); err != nil {
		k.setProblem(err)
	}
	k.askAgain(ctx)
	if wait, waiting := k.showPending(ctx); waiting {
		return wait
	}
	now := time.Now()
	if !k.clockTrusted() && time.Since(k.began) < waitForClock {
		return clockLook // and mend no stored time by such a clock
	}
	at, ok, err := k.due(now)
	if err != nil {
		k.setProblem(err)
		return lookEvery
	}
	if !ok {
		return lookEvery
	}
	if now.Before(at) {
		return at.Sub(now)
	}
	limited, cancel := context.WithTimeout(ctx, fetchLimit)
	defer cancel()
	if err := k.login(limited, false); err != nil && ctx.Err() == nil {
		k.cfg.Log.Warn("no new token", "gateway", k.cfg.Serial, "error", err, "mend", fault.Mend(err))
	}
	return 0
}

// Ensure logs in if there is no usable token and a login may be made now; with
// a usable token it does nothing. It is for commands that need a token but
// were not asked to renew one: all pauses hold.
func (k *Keeper) Ensure(ctx context.Context) error {
	if !k.Current().Text.IsZero() {
		return nil
	}
	if !k.fetches() {
		return k.noAccount()
	}
	defer k.Report()
	return k.login(ctx, false)
}

func (k *Keeper) noAccount() error {
	return &fault.Error{
		Kind: fault.Config, Op: "fetching a token for gateway " + k.cfg.Serial, Err: errors.New("no Enphase account is configured"),
		Mend: "Set account.username and account.password_file, or run envoyd token login.",
	}
}

// Renew logs in now because a person asked for it, whatever pauses are under
// way; only the daily limit of answers from the login page still holds.
func (k *Keeper) Renew(ctx context.Context) error {
	if !k.fetches() {
		return k.noAccount()
	}
	defer k.Report()
	return k.login(ctx, true)
}

// login runs one attempt: recorded before it begins, one at a time in the
// process.
func (k *Keeper) login(ctx context.Context, asked bool) error {
	select {
	case k.cfg.Files.login <- struct{}{}:
		defer func() { <-k.cfg.Files.login }()
	case <-ctx.Done():
		return ctx.Err()
	}
	if err := k.begin(asked); err != nil {
		if !errors.Is(err, errNotYet) {
			k.setProblem(err)
		}
		return err
	}
	t, err := k.cfg.Fetcher.Fetch(ctx, k.cfg.Serial)
	if err == nil {
		err = k.check(t)
	}
	if err != nil {
		return k.failed(err)
	}
	return k.show(ctx, t)
}

// errNotYet ends an attempt that another keeper's result has made unwelcome
// while this one waited for its turn.
var errNotYet = errors.New("too early for another login")

// begin writes the attempt down as if it had already failed with an answer;
// failed and accept correct that. If it cannot be written down there is no
// attempt.
func (k *Keeper) begin(asked bool) error {
	now := time.Now().UTC().Round(0) // as it will be read back
	at, ok, err := k.due(now)
	if err != nil {
		return err
	}
	if asked {
		r, err := k.cfg.Files.readAttempts(now)
		if err != nil {
			return err
		}
		at, ok = r.quotaEnds(now), true
	}
	if !ok {
		return k.stopped()
	}
	if now.Before(at) {
		return k.tooEarly(at)
	}
	k.mu.Lock()
	refused := len(k.usable(now)) > 0 && k.longest(now).Text.IsZero()
	k.attempt = now
	k.mu.Unlock()
	return k.cfg.Files.updateAttempts(func(r *record) {
		g := r.Gateways[k.cfg.Serial]
		g.Failures++
		g.Next = now.Add(ladderPause(g.Failures))
		if refused {
			g.RefusedLogin = now
		}
		r.Gateways[k.cfg.Serial] = g
		r.Answers = append(r.Answers, now)
	})
}

func (k *Keeper) tooEarly(at time.Time) error {
	return &fault.Error{
		Op:   "fetching a token for gateway " + k.cfg.Serial,
		Err:  fmt.Errorf("%w: it would come too soon after the last ones, and Enphase could lock the account", errNotYet),
		Mend: fmt.Sprintf("Wait until %s, or paste a token with envoyd token set.", at.Local().Format("2006-01-02 15:04")),
	}
}

// stopped repeats what Enphase answered to this very account and password.
func (k *Keeper) stopped() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	e := &fault.Error{Kind: fault.Auth, Op: "fetching a token for gateway " + k.cfg.Serial, Err: errNotYet}
	if k.problem != nil {
		e.Err, e.Mend = fmt.Errorf("%w: %s", errNotYet, k.problem.message), k.problem.mend
	}
	return e
}

func (k *Keeper) attemptTime() time.Time {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.attempt
}

// check refuses a token that is not better than what there is.
func (k *Keeper) check(t Token) error {
	op := "fetching a token for gateway " + k.cfg.Serial
	if t.Serial != k.cfg.Serial {
		return &fault.Error{Kind: fault.Config, Op: op, Err: ErrOtherGateway,
			Mend: "Check gateways[].serial: Enphase answered with a token for another gateway."}
	}
	now := time.Now()
	if !t.Usable(now, k.clockTrusted()) {
		return &fault.Error{Kind: fault.Config, Op: op, Err: errors.New("enphase gave a token that has already ended"),
			Mend: "Check the date and time of this computer."}
	}
	k.mu.Lock()
	best := k.longest(now)
	k.mu.Unlock()
	if !t.ExpiresAt.After(best.ExpiresAt) {
		return &fault.Error{Kind: fault.Config, Op: op,
			Err:  errors.New("enphase gave a token that ends before the present one"),
			Mend: "Nothing need be done: the present token stays."}
	}
	return nil
}

// failed corrects the record after an attempt without a token.
func (k *Keeper) failed(cause error) error {
	now := time.Now()
	hash, err := k.account()
	if err != nil {
		return errors.Join(cause, err)
	}
	err = k.cfg.Files.updateAttempts(func(r *record) {
		r.uncount(k.attemptTime())
		for range loginAnswers(cause) {
			r.Answers = append(r.Answers, now)
		}
		g := r.Gateways[k.cfg.Serial]
		switch fault.KindOf(cause) {
		case fault.Transient:
			g.Next = now.Add(max(ladderPause(g.Failures), fault.After(cause)))
		case fault.Auth:
			r.Stopped[hash] = stop{At: now, Message: cause.Error(), Mend: fault.Mend(cause)}
		default:
			g.Next = now.Add(jitter(max(pauseNoMore, fault.After(cause))))
		}
		r.Gateways[k.cfg.Serial] = g
	})
	k.setProblem(cause)
	return errors.Join(cause, err)
}
