// The empty static program: what it costs to start and end any process at all. The benchmark
// measures the hook against it for containers that no policy selects.
int main() {
  return 0;
}
