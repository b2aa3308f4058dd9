package app

import (
	"context"
	"errors"
	"log/slog"
	"strings"

	"envoyd/internal/config"
	"envoyd/internal/entrez"
	"envoyd/internal/fault"
	"envoyd/internal/secret"
)

// Credentials are an Enphase login as a person types it. Nothing of it is kept.
type Credentials struct {
	Serial   string
	Email    string
	Password secret.Text
	OTP      func(ctx context.Context) (string, error) // asks for the one-time code
}

// Login fetches a token for one gateway.
func Login(ctx context.Context, cfg *config.Config, log *slog.Logger, c Credentials) (secret.Text, error) {
	client, err := entrezOf(cfg, log)
	if err != nil {
		return secret.Text{}, err
	}
	t, err := client.Fetch(ctx, entrez.Login{Email: c.Email, Password: c.Password, OTP: c.OTP}, c.Serial)
	if err != nil {
		return secret.Text{}, forTyped(err)
	}
	return t.Text, nil
}

// Where else a token comes from.
const elsewhere = "paste a token that you got at " + entrez.DefaultEntrez + " with any other computer: envoyd token set."

// typedMends say what to do to somebody who has just typed a login; the other
// mends are for a daemon that has one in its configuration and tries again.
var typedMends = map[error]string{
	entrez.ErrBadCredentials: "Try them at " + entrez.DefaultEnlighten + " first, then run envoyd token login again: " +
		"after a few wrong logins Enphase locks the account.",
	entrez.ErrTooManySessions: "Log out of Enphase's app and web site elsewhere, and run envoyd token login again tomorrow. Or " + elsewhere,
	entrez.ErrThrottled:       "Wait a quarter of an hour, then run envoyd token login again. Or " + elsewhere,
	entrez.ErrUpstream:        "Run envoyd token login again later. Or " + elsewhere,
}

// forTyped is err with the mend for a person at the keyboard.
func forTyped(err error) error {
	mend := ""
	if errors.Is(err, entrez.ErrUnreachable) { // whose mend differs
		mend = strings.TrimSpace(fault.Mend(err) + " Run envoyd token login again once that works. Or " + elsewhere)
	}
	for sentinel, typed := range typedMends {
		if errors.Is(err, sentinel) {
			mend = typed
		}
	}
	if mend == "" {
		return err
	}
	return &fault.Error{Kind: fault.KindOf(err), After: fault.After(err), Err: err, Mend: mend}
}

// entrezOf is the way to Enphase's login.
func entrezOf(cfg *config.Config, log *slog.Logger) (*entrez.Client, error) {
	return entrez.New(entrez.Config{
		Entrez: cfg.Endpoints.Entrez, Enlighten: cfg.Endpoints.Enlighten,
		CAFile: cfg.Endpoints.CAFile, Log: log,
	})
}
