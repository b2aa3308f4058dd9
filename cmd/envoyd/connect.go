package main

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"

	"envoyd/internal/app"
)

// connector is what the connect command needs; the running daemon and the
// store without one both offer it.
type connector interface {
	Connect(ctx context.Context, opt app.ConnectOptions, owner app.Owner) (app.Connected, error)
}

func connectCommand(fs *flag.FlagSet) action {
	kind := fs.String("app", "", "`kind` of the application, developer or partner (default cloud.enlighten.app)")
	browser := fs.Bool("browser", false, "the browser brings the code back by itself, to the page of envoyd on this computer;\nfrom another one forward it first: ssh -L 8099:127.0.0.1:8099 HOST.\nWithout it Enphase shows the code, and it is pasted here")
	return func(ctx context.Context, env *environment) error {
		if !slices.Equal(env.args, []string{"enlighten"}) || !slices.Contains([]string{"", "developer", "partner"}, *kind) {
			fmt.Fprintln(env.err, "usage: envoyd connect enlighten [-app developer|partner] [-browser]")
			return errUsage
		}
		cfg, err := env.load()
		if err != nil {
			return err
		}
		cloud, done, err := beside[connector](ctx, env, cfg)
		if err != nil {
			return err
		}
		defer done()
		p := &person{env: env, ask: &questions{env: env, in: bufio.NewReader(env.in)}}
		c, err := cloud.Connect(ctx, app.ConnectOptions{App: *kind, Browser: *browser}, p)
		if err != nil {
			return err
		}
		printConnected(env, c)
		return nil
	}
}

func printConnected(env *environment, c app.Connected) {
	fmt.Fprintln(env.out, "Access granted. It covers:")
	for _, s := range c.All {
		used := ""
		if s.ID == c.System.ID {
			used = "  (the one that is read)"
		}
		fmt.Fprintf(env.out, "  %s%s\n", nameOf(s), used)
	}
}

// nameOf writes a system as both the cloud and its owner call it.
func nameOf(s app.CloudSystem) string { return fmt.Sprintf("%d %.60q", s.ID, s.Name) }

// person is the owner, or who sits there for them.
type person struct {
	env *environment
	ask *questions
}

// Open shows the address to open.
func (p *person) Open(_ context.Context, page app.ConsentPage) error {
	out := p.env.out
	fmt.Fprintln(out, "Open this address, log in as the owner of the solar system, and approve:")
	fmt.Fprintf(out, "\n  %s\n\n", page.URL)
	if page.Listen == "" {
		return nil
	}
	fmt.Fprintf(out, "It works once, until %s. The browser comes back to http://%s/.\n", page.Until.Local().Format("15:04"), page.Listen)
	if host, err := os.Hostname(); err == nil {
		fmt.Fprintf(out, "If it runs on another computer, enter this there first:\n\n  ssh -L %s:%s %s\n\n", portOf(page.Listen), page.Listen, host)
	}
	fmt.Fprintln(p.env.err, "Waiting for the browser …")
	return nil
}

func portOf(address string) string { return address[strings.LastIndexByte(address, ':')+1:] }

// Code asks for what the consent showed.
func (p *person) Code(context.Context) (string, error) {
	fmt.Fprintln(p.env.err, "Enphase then shows a code, good for a few minutes. It does not tell what it is the answer to:")
	fmt.Fprintln(p.env.err, "paste only the one that you have just been shown, never one that somebody sent you.")
	return p.ask.visible("Code: ")
}

// Confirm asks whether a system without the gateway is the right one.
func (p *person) Confirm(_ context.Context, s app.CloudSystem, here []string) (bool, error) {
	fmt.Fprintf(p.env.out, "System %s does not have gateway %s; its own: %s.\n", nameOf(s), orNone(strings.Join(here, ", ")), orNone(fmt.Sprintf("%.100q", s.Gateways)))
	answer, err := p.ask.visible("Is it this home all the same? [y/N] ")
	if err != nil {
		return false, nil // nobody there is no
	}
	a := strings.ToLower(answer)
	return a == "y" || a == "yes", nil
}
