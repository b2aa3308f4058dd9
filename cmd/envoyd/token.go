package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
	"time"

	"envoyd/internal/app"
	"envoyd/internal/config"
	"envoyd/internal/secret"

	"golang.org/x/term"
)

// tokens is what the token commands need; the running daemon and the store
// without one both offer it.
type tokens interface {
	Tokens(ctx context.Context) ([]app.TokenState, error)
	SetToken(ctx context.Context, pasted string) (app.TokenState, error)
	RenewToken(ctx context.Context, serial string) ([]app.TokenState, error)
}

func tokenCommand(fs *flag.FlagSet) action {
	serial := fs.String("gateway", "", "`serial` of the gateway, when there are several")
	return func(ctx context.Context, env *environment) error {
		verb := strings.Join(env.args, " ")
		work, ok := map[string]func(context.Context, *environment, *config.Config, tokens, string) error{
			"show": showTokens, "set": setToken, "renew": renewToken, "login": loginToken,
		}[verb]
		if !ok {
			fmt.Fprintln(env.err, "usage: envoyd token login|show|renew|set [-gateway SERIAL]")
			return errUsage
		}
		cfg, err := env.load()
		if err != nil {
			return err
		}
		keeper, done, err := beside[tokens](ctx, env, cfg)
		if err != nil {
			return err
		}
		defer done()
		return work(ctx, env, cfg, keeper, *serial)
	}
}

// beside returns the running daemon as a T, else the store without one.
func beside[T any](ctx context.Context, env *environment, cfg *config.Config) (T, func(), error) {
	var none T
	client, err := app.Dial(ctx, cfg)
	if err == nil {
		return any(client).(T), func() {}, nil
	}
	if !errors.Is(err, app.ErrNoDaemon) {
		return none, nil, err
	}
	d, err := app.OpenDirect(cfg, env.log)
	if err != nil {
		return none, nil, err
	}
	return any(d).(T), func() { _ = d.Close() }, nil // a command's end: nothing more to save
}

func showTokens(ctx context.Context, env *environment, _ *config.Config, k tokens, serial string) error {
	states, err := k.Tokens(ctx)
	if err != nil {
		return err
	}
	return printTokens(env.out, states, serial)
}

// printTokens prints role, serial and days left, never the token.
func printTokens(w io.Writer, states []app.TokenState, serial string) error {
	found := false
	for _, s := range states {
		if serial != "" && s.Serial != serial {
			continue
		}
		if s.ExpiresAt.IsZero() {
			fmt.Fprintf(w, "%s  no token; run envoyd token login, or envoyd token set with one you copied\n", s.Serial)
			continue
		}
		found = true
		fmt.Fprintf(w, "%s  %s  %.0f days left (until %s)\n", s.Serial, s.Role, time.Until(s.ExpiresAt).Hours()/24, s.ExpiresAt.Local().Format(time.DateOnly))
	}
	if !found {
		return errSilent
	}
	return nil
}

func setToken(ctx context.Context, env *environment, _ *config.Config, k tokens, _ string) error {
	if _, ok := interactive(env.in); ok {
		fmt.Fprintln(env.err, "Paste the token and end with Ctrl-D:")
	}
	text, err := io.ReadAll(io.LimitReader(env.in, 64<<10))
	if err != nil {
		return fmt.Errorf("reading the token: %w", err)
	}
	state, err := k.SetToken(ctx, string(text))
	if err != nil {
		return err
	}
	return printTokens(env.out, []app.TokenState{state}, "")
}

func renewToken(ctx context.Context, env *environment, _ *config.Config, k tokens, serial string) error {
	states, err := k.RenewToken(ctx, serial)
	if err != nil {
		return err
	}
	return printTokens(env.out, states, serial)
}

// loginToken asks for the login, fetches a token with it and keeps only that.
func loginToken(ctx context.Context, env *environment, cfg *config.Config, k tokens, serial string) error {
	if serial == "" {
		var err error
		if serial, err = onlySerial(ctx, k); err != nil {
			return err
		}
	}
	ask := &questions{env: env, in: bufio.NewReader(env.in)}
	email, err := ask.visible("Enphase e-mail: ")
	if err != nil {
		return err
	}
	password, err := ask.hidden("Password (not kept): ")
	if err != nil {
		return err
	}
	text, err := app.Login(ctx, cfg, env.log, app.Credentials{
		Serial: serial, Email: email, Password: password,
		OTP: func(context.Context) (string, error) { return ask.visible("One-time code from the e-mail: ") },
	})
	if err != nil {
		return err
	}
	state, err := k.SetToken(ctx, text.Reveal())
	if err != nil {
		return err
	}
	return printTokens(env.out, []app.TokenState{state}, "")
}

func onlySerial(ctx context.Context, k tokens) (string, error) {
	states, err := k.Tokens(ctx)
	if err != nil {
		return "", err
	}
	if len(states) != 1 {
		return "", fmt.Errorf("%d gateways are known; name one with -gateway SERIAL", len(states))
	}
	return states[0].Serial, nil
}

// questions asks a person, or reads lines where nobody sits.
type questions struct {
	env *environment
	in  *bufio.Reader
}

func (q *questions) visible(prompt string) (string, error) {
	fmt.Fprint(q.env.err, prompt)
	text, err := q.in.ReadString('\n')
	if err != nil && text == "" {
		return "", fmt.Errorf("reading the answer: %w", err)
	}
	return strings.TrimSpace(text), nil
}

// hidden asks without showing what is typed.
func (q *questions) hidden(prompt string) (secret.Text, error) {
	if f, ok := interactive(q.env.in); ok && term.IsTerminal(int(f.Fd())) {
		fmt.Fprint(q.env.err, prompt)
		text, err := term.ReadPassword(int(f.Fd()))
		fmt.Fprintln(q.env.err)
		if err != nil {
			return secret.Text{}, fmt.Errorf("reading the password: %w", err)
		}
		return secret.New(string(text)), nil
	}
	fmt.Fprint(q.env.err, prompt)
	text, err := q.in.ReadString('\n')
	if err != nil && text == "" {
		return secret.Text{}, fmt.Errorf("reading the password: %w", err)
	}
	return secret.New(strings.TrimRight(text, "\r\n")), nil
}
