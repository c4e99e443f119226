// Command otlpreceiver runs the OpenTelemetry Collector's OTLP receiver over HTTP and appends what
// it accepts to traces.jsonl, metrics.jsonl and logs.jsonl, one OTLP JSON document a line.
//
//	otlpreceiver HOST:PORT FOLDER
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"sync"
	"syscall"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/collector/receiver/otlpreceiver"
)

func main() {
	if err := run(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(address, folder string) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	factory := otlpreceiver.NewFactory()
	config := factory.CreateDefaultConfig()
	http := map[string]any{"protocols": map[string]any{"http": map[string]any{"endpoint": address}}}
	if err := confmap.NewFromStringMap(http).Unmarshal(config); err != nil {
		return err
	}
	settings := receiver.Settings{
		ID:                component.NewID(factory.Type()),
		TelemetrySettings: componenttest.NewNopTelemetrySettings(),
	}
	parts, err := build(ctx, factory, settings, config, folder)
	if err != nil {
		return err
	}
	for _, part := range parts {
		if err := part.Start(ctx, componenttest.NewNopHost()); err != nil {
			return err
		}
	}
	fmt.Println("ready")
	<-ctx.Done()
	for _, part := range parts {
		if err := part.Shutdown(context.Background()); err != nil {
			return err
		}
	}
	return nil
}

// build returns the receiver of each signal; they share one server.
func build(
	ctx context.Context, factory receiver.Factory, settings receiver.Settings, config component.Config, folder string,
) ([]component.Component, error) {
	traces, err := consumer.NewTraces(func(_ context.Context, d ptrace.Traces) error {
		text, err := (&ptrace.JSONMarshaler{}).MarshalTraces(d)
		return appendLine(folder, "traces", text, err)
	})
	if err != nil {
		return nil, err
	}
	metrics, err := consumer.NewMetrics(func(_ context.Context, d pmetric.Metrics) error {
		text, err := (&pmetric.JSONMarshaler{}).MarshalMetrics(d)
		return appendLine(folder, "metrics", text, err)
	})
	if err != nil {
		return nil, err
	}
	logs, err := consumer.NewLogs(func(_ context.Context, d plog.Logs) error {
		text, err := (&plog.JSONMarshaler{}).MarshalLogs(d)
		return appendLine(folder, "logs", text, err)
	})
	if err != nil {
		return nil, err
	}
	one, err := factory.CreateTraces(ctx, settings, config, traces)
	if err != nil {
		return nil, err
	}
	two, err := factory.CreateMetrics(ctx, settings, config, metrics)
	if err != nil {
		return nil, err
	}
	three, err := factory.CreateLogs(ctx, settings, config, logs)
	return []component.Component{one, two, three}, err
}

var lock sync.Mutex

func appendLine(folder, signal string, text []byte, err error) error {
	if err != nil {
		return err
	}
	lock.Lock()
	defer lock.Unlock()
	file, err := os.OpenFile(filepath.Join(folder, signal+".jsonl"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer file.Close()
	_, err = file.Write(append(text, '\n'))
	return err
}
