# docker build -t keyart .   (docs/serve.md says how to run it, also behind a reverse proxy)
FROM python:3.12-slim
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY src src
COPY conf conf
RUN pip install --no-cache-dir --index-url https://download.pytorch.org/whl/cpu torch torchvision \
    && pip install --no-cache-dir '.[serve]' && useradd --create-home keyart
WORKDIR /home/keyart
USER keyart
EXPOSE 8000
HEALTHCHECK CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/health', timeout=3)"]
ENTRYPOINT ["keyart", "serve", "--no-browser", "--host", "0.0.0.0", "--port", "8000"]
