<?php
// PHP's curl, one call after another: curl.php each|one URL COUNT.
//
// each   a handle for each request
// one    one handle
//
// It says its pid, waits for a line on stdin, works, says what it counted, and ends when its stdin
// ends: JSON lines.

[, $mode, $url, $count] = $argv;
$dials = 0;
$answered = 0;

function handle(string $url): CurlHandle
{
    $handle = curl_init($url);
    curl_setopt_array($handle, [CURLOPT_RETURNTRANSFER => true, CURLOPT_NOPROXY => '*']);
    return $handle;
}

function ask(CurlHandle $handle): void
{
    global $dials, $answered;
    curl_exec($handle);
    $dials += curl_getinfo($handle, CURLINFO_NUM_CONNECTS);
    $answered += curl_getinfo($handle, CURLINFO_RESPONSE_CODE) === 200 ? 1 : 0;
}

echo json_encode(['pid' => getmypid()]), "\n";
fgets(STDIN);
$shared = handle($url);
for ($nth = 0; $nth < (int) $count; $nth++) {
    // A handle that nothing refers to any more is freed, and its connection closed.
    ask($mode === 'each' ? handle($url) : $shared);
}
unset($shared);
echo json_encode(['done' => true, 'dials' => $dials, 'answers' => $answered]), "\n";
fgets(STDIN);
