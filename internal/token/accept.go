package token

import (
	"context"
	"errors"
	"strings"
	"time"

	"envoyd/internal/fault"
)

// show presents a fetched token to the gateway and stores it if that takes it.
// A gateway that is away leaves it pending: nobody logs in twice for one token.
func (k *Keeper) show(ctx context.Context, t Token) error {
	err := k.verify(ctx, t)
	switch {
	case err == nil:
		return k.accept(t)
	case fault.Is(err, fault.Auth):
		k.setPending(Token{})
		return k.failed(&fault.Error{
			Kind: fault.Config, Op: "showing a new token to gateway " + k.cfg.Serial, Err: err,
			Mend: "The gateway refuses a token fresh from Enphase. Check the gateway's clock and that the account owns this gateway.",
		})
	default:
		k.setPending(t)
		k.setProblem(err)
		return err
	}
}

func (k *Keeper) verify(ctx context.Context, t Token) error {
	if k.cfg.Verifier == nil {
		return errors.New("nobody can ask the gateway about the token")
	}
	return k.cfg.Verifier.CheckToken(ctx, t.Text)
}

// accept stores a fetched token that the gateway has taken. A login that ended
// so is no risk for the account and does not count; tokens of 12 hours need
// four a day.
func (k *Keeper) accept(t Token) error {
	attempt := k.attemptTime()
	hash, err := k.account()
	if err != nil {
		return errors.Join(err, k.keep(t))
	}
	err = k.cfg.Files.updateAttempts(func(r *record) {
		// One login a day because of refusals, also after one that brought a
		// token: the gateway may come to refuse that one as well.
		if g := r.Gateways[k.cfg.Serial]; g.RefusedLogin.IsZero() {
			delete(r.Gateways, k.cfg.Serial)
		} else {
			r.Gateways[k.cfg.Serial] = gatewayRecord{RefusedLogin: g.RefusedLogin}
		}
		delete(r.Stopped, hash)
		r.uncount(attempt)
	})
	return errors.Join(err, k.keep(t))
}

// keep makes t the token in use and saves it.
func (k *Keeper) keep(t Token) error {
	if t.ObtainedAt.IsZero() {
		t.ObtainedAt = time.Now().UTC().Truncate(time.Second)
	}
	k.mu.Lock()
	k.pending, k.verifyWait, k.problem = Token{}, 0, nil
	// It is used even if it cannot be saved: it is the one that works.
	k.stored = keepLiving(t, k.stored)
	delete(k.refused, t.Text.Reveal())
	k.mu.Unlock()
	k.cfg.Log.Info("new token", "gateway", k.cfg.Serial, "role", t.Role, "expires", t.ExpiresAt, "method", t.Method)
	if err := k.cfg.Files.Save(t); err != nil {
		k.mu.Lock()
		k.unsaved = t
		k.mu.Unlock()
		k.setProblem(err)
		return err
	}
	return nil
}

// saveAgain writes the token that could not be written when it was accepted.
func (k *Keeper) saveAgain() error {
	k.mu.Lock()
	t := k.unsaved
	k.mu.Unlock()
	if t.Text.IsZero() {
		return nil
	}
	if err := k.cfg.Files.Save(t); err != nil {
		return err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.unsaved, k.problem = Token{}, nil
	return nil
}

// showPending presents the pending token again when its time has come. It
// returns false when there is none.
func (k *Keeper) showPending(ctx context.Context) (wait time.Duration, waiting bool) {
	k.mu.Lock()
	t := k.pending
	k.mu.Unlock()
	if t.Text.IsZero() {
		return 0, false
	}
	limited, cancel := context.WithTimeout(ctx, fetchLimit)
	defer cancel()
	if err := k.show(limited, t); err == nil {
		return 0, false
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.pending.Text.IsZero() { // refused
		return 0, false
	}
	return k.verifyWait, true
}

func (k *Keeper) setPending(t Token) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if t.Text.IsZero() {
		k.pending, k.verifyWait = Token{}, 0
		return
	}
	k.verifyWait = min(max(verifyFirst, 2*k.verifyWait), verifyLast)
	k.pending = t
}

// Offer takes a token that a person pasted. It replaces the present one only
// if the gateway accepts it; if there is no usable one, it is stored also
// while the gateway is away.
func (k *Keeper) Offer(ctx context.Context, t Token) error {
	op := "storing a token for gateway " + k.cfg.Serial
	if t.Serial != k.cfg.Serial {
		return &fault.Error{Kind: fault.Config, Op: op, Err: ErrOtherGateway,
			Mend: "Make a token for this gateway's serial at https://entrez.enphaseenergy.com."}
	}
	if !t.Usable(time.Now(), k.clockTrusted()) {
		return &fault.Error{Kind: fault.Config, Op: op, Err: errors.New("the token has already ended"),
			Mend: "Make a new one at https://entrez.enphaseenergy.com."}
	}
	defer k.Report()
	err := k.verify(ctx, t)
	some := !k.Current().Text.IsZero()
	if err != nil && (some || fault.Is(err, fault.Auth) || fault.Is(err, fault.Security)) {
		return &fault.Error{Kind: fault.KindOf(err), Op: op, Err: err, Mend: notTaken(err, some)}
	}
	if err := k.keep(t); err != nil {
		return err
	}
	if err != nil {
		k.cfg.Log.Warn("the gateway could not be asked, so the token is stored untried", "gateway", k.cfg.Serial, "error", err)
	}
	k.nudge()
	return nil
}

// notTaken says what becomes of a pasted token and of the one there is.
func notTaken(err error, some bool) string {
	switch {
	case !fault.Is(err, fault.Auth) && !fault.Is(err, fault.Security):
		return "The gateway could not be asked about this token, so the present one, which can be used, stays. Paste it again when the gateway answers."
	case some:
		return strings.TrimSpace("The gateway has not accepted this token, so the present one stays. " + fault.Mend(err))
	}
	return strings.TrimSpace("The gateway has not accepted this token, so it is not kept. " + fault.Mend(err))
}
