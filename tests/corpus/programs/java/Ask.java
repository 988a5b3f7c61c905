import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.net.HttpURLConnection;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/**
 * Java's own clients, one request after another: Ask MODE URL COUNT.
 *
 * <pre>
 * url            HttpURLConnection, answers read to their end
 * url-disconnect the same, disconnected once the head of the answer is there
 * url-error      the same, ten a second; answers are errors whose body is not read
 * shared         one HttpClient
 * each           an HttpClient for each request, ten a second, left to the garbage collector
 * socket         a Socket for each request
 * </pre>
 *
 * It says its pid, waits for a line on stdin, works, says what it counted, and ends when its stdin
 * ends: JSON lines.
 * The platform's clients do not tell where they dial; only the last mode counts its dials.
 */
public final class Ask {
    private final URI uri;
    private final List<Object> kept = new ArrayList<>();

    private Ask(URI uri) {
        this.uri = uri;
    }

    private interface Request {
        boolean isAnswered() throws IOException, InterruptedException;
    }

    private boolean byUrl() throws IOException {
        var connection = (HttpURLConnection) uri.toURL().openConnection();
        try (InputStream body = connection.getInputStream()) {
            body.readAllBytes();
        }
        return connection.getResponseCode() == 200;
    }

    private boolean byUrlDisconnected() throws IOException {
        var connection = (HttpURLConnection) uri.toURL().openConnection();
        boolean isAnswered = connection.getResponseCode() == 200;
        connection.disconnect();
        return isAnswered;
    }

    private boolean byUrlError() throws IOException, InterruptedException {
        var connection = (HttpURLConnection) uri.toURL().openConnection();
        kept.add(connection);
        boolean isAnswered = connection.getResponseCode() == 404;
        Thread.sleep(100);
        return isAnswered;
    }

    private boolean by(HttpClient client) throws IOException, InterruptedException {
        var answer = client.send(HttpRequest.newBuilder(uri).build(), BodyHandlers.ofString());
        return answer.statusCode() == 200;
    }

    private boolean byOwnClient() throws IOException, InterruptedException {
        var client = HttpClient.newHttpClient();
        // Held, so that a garbage collection does not decide the case.
        kept.add(client);
        boolean isAnswered = by(client);
        Thread.sleep(100);
        return isAnswered;
    }

    private boolean bySocket() throws IOException {
        try (var socket = new Socket(uri.getHost(), uri.getPort())) {
            String ask = "GET " + uri.getPath() + " HTTP/1.1\r\nHost: peer\r\n\r\n";
            socket.getOutputStream().write(ask.getBytes(StandardCharsets.US_ASCII));
            InputStream in = socket.getInputStream();
            var head = new StringBuilder();
            while (head.indexOf("\r\n\r\n") < 0) {
                head.append((char) in.read());
            }
            in.readNBytes(length(head.toString()));
            return head.indexOf("HTTP/1.1 200") == 0;
        }
    }

    private static int length(String head) {
        return head.lines()
            .map(String::toLowerCase)
            .filter(line -> line.startsWith("content-length:"))
            .mapToInt(line -> Integer.parseInt(line.substring(15).trim()))
            .findFirst()
            .orElseThrow();
    }

    private Request request(String mode) {
        var shared = HttpClient.newHttpClient();
        return switch (mode) {
            case "url" -> this::byUrl;
            case "url-disconnect" -> this::byUrlDisconnected;
            case "url-error" -> this::byUrlError;
            case "shared" -> () -> by(shared);
            case "each" -> this::byOwnClient;
            case "socket" -> this::bySocket;
            default -> throw new IllegalArgumentException(mode);
        };
    }

    public static void main(String[] args) throws IOException, InterruptedException {
        Request request = new Ask(URI.create(args[1])).request(args[0]);
        System.out.println("{\"pid\": " + ProcessHandle.current().pid() + "}");
        var stdin = new BufferedReader(new InputStreamReader(System.in));
        stdin.readLine();
        int count = Integer.parseInt(args[2]);
        int answered = 0;
        for (int nth = 0; nth < count; nth++) {
            answered += request.isAnswered() ? 1 : 0;
        }
        String dials = args[0].equals("socket") ? "\"dials\": " + count + ", " : "";
        System.out.println("{\"done\": true, " + dials + "\"answers\": " + answered + "}");
        stdin.readLine();
        System.exit(0);
    }
}
